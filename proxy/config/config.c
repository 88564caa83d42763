#include "proxy/config/config.h"

#include <string.h>
#include <sys/random.h>

#include "policy/access/grants.h"
#include "policy/access/route.h"
#include "policy/base/bytes.h"
#include "proxy/config/loader.h"
#include "proxy/vault/vault.h"

/* Files of our own administrator, not of a peer: the cap only turns a runaway into an abort. */
#define ARENA_CAP ((size_t)4 << 30)

#define DIGEST_HEX 16

struct loader *loader_new(void) {
    struct loader *l = calloc(1, sizeof(*l));
    struct snapshot *s = calloc(1, sizeof(*s));
    ENSURE(l != NULL && s != NULL);
    atomic_init(&s->config.refs, 1);
    arena_init(&s->arena, ARENA_CAP);
    l->snapshot = s;
    ENSURE(getrandom(l->key, sizeof(l->key), 0) == (ssize_t)sizeof(l->key));
    l->hasher = hasher_new();
    l->digest = EVP_MD_CTX_new();
    ENSURE(l->digest != NULL && EVP_DigestInit_ex(l->digest, EVP_sha256(), NULL) == 1);
    strmap_init(&l->hosts, l->key);
    strmap_init(&l->profiles, l->key);
    strmap_init(&l->roles, l->key);
    strmap_init(&l->site_roles, l->key);
    strmap_init(&l->groups, l->key);
    strmap_init(&l->site_rule_names, l->key);
    strmap_init(&l->ca_files, l->key);
    strmap_init(&l->pin_phones, l->key);
    hostport_local_load(&l->local);
    return l;
}

void loader_free(struct loader *l) {
    source_free(&l->source);
    problems_free(&l->problems);
    hasher_free(l->hasher);
    EVP_MD_CTX_free(l->digest);
    strmap_free(&l->hosts);
    strmap_free(&l->profiles);
    strmap_free(&l->roles);
    strmap_free(&l->site_roles);
    strmap_free(&l->groups);
    strmap_free(&l->site_rule_names);
    strmap_free(&l->ca_files);
    strmap_free(&l->pin_phones);
    free(l->pins);
    hostport_local_free(&l->local);
    vault_close(l->vault);
    free(l->profile_list);
    free(l);
}

void loader_digest(struct loader *l, struct str text) {
    uint8_t length[8]; /* in front, so that no two series of texts look the same */
    bytes_put_u64(length, text.len);
    ENSURE(EVP_DigestUpdate(l->digest, length, sizeof(length)) == 1);
    ENSURE(text.len == 0 || EVP_DigestUpdate(l->digest, text.ptr, text.len) == 1);
}

static enum source_result use_source(struct loader *l, enum source_result result) {
    if (result != SOURCE_OK) return result;
    l->root = config_root_setting(&l->source.tree);
    l->reader = (struct reader){
        .source = &l->source, .problems = &l->problems, .arena = &l->snapshot->arena};
    loader_digest(l, (struct str){l->source.text, l->source.len});
    return result;
}

enum source_result loader_read(struct loader *l, const char *path) {
    return use_source(l, source_read(&l->source, path, l->ranks++, &l->problems));
}

enum source_result loader_read_text(struct loader *l, const char *path, struct str text) {
    return use_source(l, source_from_text(&l->source, path, text, l->ranks++, &l->problems));
}

void snapshot_free(struct snapshot *s) {
    for (struct secret *secret = s->secrets; secret != NULL; secret = secret->next)
        bytes_wipe(secret->text, secret->len);
    while (s->forms != NULL) {
        struct phone_form *form = s->forms;
        s->forms = form->next;
        phone_form_release(form);
    }
    users_free(s->users);
    users_free(s->pull_users);
    route_index_free(s->routes);
    grant_index_free(s->grants);
    arena_release(&s->arena);
    free(s);
}

/* What can only be built once everything is right. */
static struct config *finish(struct loader *l) {
    struct snapshot *s = l->snapshot;
    struct policy *policy = &s->config.policy;
    s->config.profiles_dir = s->draft.profiles_dir;
    s->draft = (struct draft){0}; /* it points into the source */
    s->routes = route_index_new(policy->phones, policy->phone_count, l->key);
    s->grants = grant_index_new(policy->grants, policy->grant_count, l->key);
    policy->routes = s->routes;
    policy->grant_index = s->grants;
    policy->users = s->users;
    uint8_t value[EVP_MAX_MD_SIZE];
    ENSURE(EVP_DigestFinal_ex(l->digest, value, NULL) == 1);
    char *hex = reader_alloc(&l->reader, DIGEST_HEX, 1);
    struct outbuf out;
    outbuf_init(&out, hex, DIGEST_HEX);
    outbuf_hex(&out, value, DIGEST_HEX / 2);
    s->config.digest_of_file = outbuf_str(&out);
    return &s->config;
}

void load_access(struct loader *l) {
    load_roles(l);
    load_vault(l);
    load_pins(l);
    load_expect(l);
    load_phones(l);
    load_expect_check(l);
    load_site_rules(l);
    load_groups(l);
    load_grants(l);
    load_groups_unused(l);
    load_checks(l);
}

static void load_parts(struct loader *l) {
    load_settings(l, NULL);
    load_limits(l);
    load_users(l);
    load_access(l);
    load_identity(l);
    load_provisioning(l);
}

enum config_result loader_end(struct loader *l, enum source_result source, config_report *report,
                              void *user, struct config **config) {
    *config = NULL;
    problems_tell(&l->problems, report, user);
    if (source == SOURCE_OK && l->problems.errors == 0)
        *config = finish(l);
    else
        snapshot_free(l->snapshot);
    loader_free(l);
    if (source == SOURCE_UNREADABLE) return CONFIG_UNREADABLE;
    return *config != NULL ? CONFIG_OK : CONFIG_INVALID;
}

enum config_result loader_finish(struct loader *l, enum source_result source, config_report *report,
                                 void *user, struct config **config) {
    if (source == SOURCE_OK) load_parts(l);
    return loader_end(l, source, report, user, config);
}

enum config_result config_load(const char *path, config_report *report, void *user,
                               struct config **config) {
    struct loader *l = loader_new();
    return loader_finish(l, loader_read(l, path), report, user, config);
}

struct config *config_hold(struct config *config) {
    atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
    return config;
}

void config_release(struct config *config) {
    if (config == NULL) return;
    /* Release and acquire: whoever frees sees the last reads of all others behind it. */
    if (atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel) != 1) return;
    snapshot_free(container_of(config, struct snapshot, config));
}
