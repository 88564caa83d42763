#include "proxy/run/site.h"

#include <stdio.h>

#include "certs/phone_client.h"
#include "policy/access/route.h"
#include "proxy/phone/phone_breaker.h"
#include "proxy/phone/phone_conn.h"

/* The phone of the same id before the reload, if nothing of it changed. Of another one, what came
 * of the passwords that it still has goes over. */
static struct phone *unchanged(const struct site *previous, struct phone *fresh) {
    if (previous == NULL) return NULL;
    const struct policy_phone *old = route_by_id(previous->config->policy.routes, fresh->id);
    if (old == NULL) return NULL;
    struct phone *phone = previous->phones[old->index];
    if (phone_same(phone, fresh)) return phone;
    phone_breaker_move(phone, fresh);
    return NULL;
}

static bool make_phones(struct site *site, const struct site *previous, char *error,
                        size_t error_len) {
    size_t count = site->config->policy.phone_count;
    site->phones = calloc(count > 0 ? count : 1, sizeof(struct phone *));
    site->restricted = calloc(count > 0 ? count : 1, sizeof(atomic_bool));
    ENSURE(site->phones != NULL && site->restricted != NULL);
    for (size_t i = 0; i < count; i++) atomic_init(&site->restricted[i], false);
    for (size_t i = 0; i < count; i++) {
        const struct config_phone *cfg = &site->config->phones[i];
        char why[256] = "";
        struct phone *fresh = phone_new(cfg, site->config->limits.queue_length, why, sizeof(why));
        if (fresh == NULL) {
            snprintf(error, error_len, "phone " STR_FMT ": %s", STR_ARG(cfg->policy->id), why);
            return false;
        }
        struct phone *kept = unchanged(previous, fresh);
        site->phones[i] = kept != NULL ? phone_hold(kept) : fresh;
        if (kept != NULL) phone_release(fresh);
    }
    return true;
}

/* True where there is nothing to make. */
static bool make_pull_tls(struct site *site, char *error, size_t error_len) {
    const struct config_provisioning *p = &site->config->provisioning;
    if (p->listen_count == 0) return true;
    site->pull_tls =
        server_tls_new(p->certificate.ptr, p->key.ptr, p->min_version, error, error_len);
    if (site->pull_tls == NULL) return false;
    return p->client_ca.len == 0 ||
           phone_client_ask(site->pull_tls, p->client_ca.ptr, error, error_len);
}

struct site *site_new(struct config *config, const struct site *previous, char *error,
                      size_t error_len) {
    struct site *site = calloc(1, sizeof(*site));
    ENSURE(site != NULL);
    atomic_init(&site->refs, 1);
    site->config = config;
    site->tls = server_tls_new(config->https.certificate.ptr, config->https.key.ptr,
                               config->https.min_version, error, error_len);
    if (site->tls != NULL && make_pull_tls(site, error, error_len) &&
        make_phones(site, previous, error, error_len))
        return site;
    site_release(site);
    return NULL;
}

void site_leave(const struct site *old, const struct site *next, struct worker *w) {
    for (size_t i = 0; i < old->config->policy.phone_count; i++) {
        struct phone *phone = old->phones[i];
        const struct policy_phone *now = route_by_id(next->config->policy.routes, phone->id);
        if (now != NULL && next->phones[now->index] == phone) {
            phone_set_queue(phone, next->config->limits.queue_length);
            continue;
        }
        atomic_store(&phone->retired, true);
        phone_conn_close_idle(w, phone);
    }
}

struct site *site_hold(struct site *site) {
    atomic_fetch_add(&site->refs, 1);
    return site;
}

void site_release(struct site *site) {
    if (site == NULL || atomic_fetch_sub(&site->refs, 1) != 1) return;
    for (size_t i = 0; site->phones != NULL && i < site->config->policy.phone_count; i++)
        phone_release(site->phones[i]);
    free(site->phones);
    free(site->restricted);
    server_tls_free(site->tls);
    server_tls_free(site->pull_tls);
    config_release(site->config);
    free(site);
}
