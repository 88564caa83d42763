#include <stdio.h>
#include <string.h>

#include "certs/server_tls.h"
#include "proxy/config/loader.h"
#include "proxy/config/textfile.h"

/* Names in a message; the rest is counted. */
#define NAMES_SHOWN 3

struct uncovered {
    size_t count;
    char names[NAMES_SHOWN * (HOSTPORT_NAME_MAX + 2) + 1];
    size_t len;
};

static void check_covers(const struct server_tls *tls, struct str host, struct uncovered *found) {
    if (host.len == 0 || server_tls_covers(tls, host)) return;
    if (found->count++ >= NAMES_SHOWN) return;
    int more = snprintf(found->names + found->len, sizeof(found->names) - found->len, "%s" STR_FMT,
                        found->len == 0 ? "" : ", ", STR_ARG(host));
    if (more > 0 && found->len + (size_t)more < sizeof(found->names)) found->len += (size_t)more;
}

static void check_certificate(struct loader *l, const config_setting_t *at,
                              const struct server_tls *tls) {
    const struct policy *policy = &l->snapshot->config.policy;
    struct uncovered found = {0};
    for (size_t i = 0; i < policy->portal_host_count; i++)
        check_covers(tls, policy->portal_hosts[i], &found);
    for (size_t i = 0; i < policy->phone_count; i++)
        check_covers(tls, policy->phones[i].host, &found);
    if (found.count > 0)
        reader_warning(&l->reader, at, "the certificate does not cover %s%s (%zu host(s) in all)",
                       found.names, found.count > NAMES_SHOWN ? ", ..." : "", found.count);
    if (server_tls_self_signed(tls))
        reader_warning(&l->reader, at,
                       "the certificate is self-signed: browsers will not trust it");
    const X509 *leaf = SSL_CTX_get0_certificate(server_tls_ctx(tls));
    if (leaf != NULL && X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0)
        reader_warning(&l->reader, at, "the certificate has expired");
}

static void load_certificate(struct loader *l) {
    const struct config *config = &l->snapshot->config;
    const config_setting_t *https = reader_at(l->root, "https");
    struct str certificate = config->https.certificate, key = config->https.key;
    char error[512];
    if (certificate.len == 0 || key.len == 0) return; /* reported as missing */
    if (!textfile_is_private(key.ptr, error, sizeof(error))) {
        reader_error(&l->reader, reader_at(https, "key"), "TLS key %s: %s", key.ptr, error);
        return;
    }
    struct server_tls *tls =
        server_tls_new(certificate.ptr, key.ptr, config->https.min_version, error, sizeof(error));
    const config_setting_t *at = reader_at(https, "certificate");
    if (tls == NULL)
        reader_error(&l->reader, at, "%s", error);
    else
        check_certificate(l, at, tls);
    server_tls_free(tls);
}

/* Does `word` stand for `host`: the name itself, or a domain it is in? */
static bool names_host(struct str word, struct str host) {
    if (host.len == 0) return false;
    if (str_equal_icase(word, host)) return true;
    if (str_find(word, '.', 0) == word.len || word.len + 1 >= host.len) return false;
    struct str end = str_part(host, host.len - word.len, word.len);
    return host.ptr[host.len - word.len - 1] == '.' && str_equal_icase(word, end);
}

static bool word_names_host(const struct policy *policy, struct str word) {
    for (size_t i = 0; i < policy->portal_host_count; i++)
        if (names_host(word, policy->portal_hosts[i])) return true;
    for (size_t i = 0; i < policy->phone_count; i++)
        if (names_host(word, policy->phones[i].host)) return true;
    return false;
}

static bool is_host_octet(char c) {
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '.' || c == '-' || c == '_' || c == '[' ||
           c == ']';
}

/* A person who is asked for a password should see whom they give it to (RFC 7616 3.3). */
static void check_realm(struct loader *l) {
    const struct policy *policy = &l->snapshot->config.policy;
    struct str realm = policy->digest.realm;
    if (realm.len == 0 || l->snapshot->draft.phones == NULL) return; /* reported as missing */
    size_t from = 0;
    for (size_t i = 0; i <= realm.len; i++) {
        if (i < realm.len && is_host_octet(realm.ptr[i])) continue;
        if (i > from && word_names_host(policy, str_part(realm, from, i - from))) return;
        from = i + 1;
    }
    reader_warning(&l->reader, reader_at(l->root, "realm"),
                   "the realm contains no host of this configuration, nor a domain of one: people "
                   "cannot see whom they give their password to");
}

void load_identity(struct loader *l) {
    check_realm(l);
    load_certificate(l);
}
