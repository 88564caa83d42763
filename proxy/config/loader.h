/* loader.h: the steps of config_load, for the files of this folder only.
 *
 * A loader builds one snapshot. Each load_... reads one part, reports every problem it finds and
 * goes on as well as it can; whether the snapshot is used depends on the number of errors. */
#ifndef PROXY_CONFIG_LOADER_H
#define PROXY_CONFIG_LOADER_H

#include <openssl/evp.h>

#include "proxy/config/config.h"
#include "proxy/config/hostport.h"
#include "proxy/config/pins.h"
#include "proxy/config/reader.h"
#include "proxy/config/strmap.h"

/* A secret in the arena, so that the last release can wipe it. */
struct secret {
    struct secret *next;
    size_t len;
    char text[];
};

/* Values that are read by table and then turned into something else. */
struct provisioning_draft {
    const struct str *listen;
    size_t listen_count;
    struct str directory, certificate, key, client_ca;
};

struct draft {
    const struct str *https_listen, *http_listen, *proxy_protocol, *hosts, *algorithms;
    size_t https_listen_count, http_listen_count, proxy_protocol_count, host_count, algorithm_count;
    struct str realm, certificate, key, status_listen, users_file, users_dir, profiles_dir,
        state_dir, nonce_key_file, access_log_file, vault_file, vault_key_file,
        vault_key_credential, vault_passphrase_file, pins_file;
    int access_log_format;
    uint64_t nonce_lifetime_ms;
    const config_setting_t *phones, *grants, *users, *roles, *groups, *rules, *expect;
    const struct config_user_limits *limits; /* one for each element of `users` */
    size_t limit_count;
    struct provisioning_draft provisioning;
};

struct snapshot {
    struct config config; /* first: what the world sees */
    struct arena arena;
    struct users *users;
    struct users *pull_users;
    struct route_index *routes;
    struct grant_index *grants;
    struct secret *secrets;
    struct phone_form *forms;
    struct draft draft; /* only while it is built */
};

/* One element of the list "groups". */
struct loaded_group {
    struct str name; /* empty: it has errors */
    const struct str *users;
    size_t user_count;
    bool used; /* a grant names it */
};

/* A line of the pins file. */
struct loaded_pin {
    struct pin_line pin;
    struct loaded_pin *next; /* of the same phone */
};

struct loader {
    struct snapshot *snapshot;
    struct problems problems;
    struct source source;
    struct reader reader; /* over `source` */
    const config_setting_t *root;
    struct hasher *hasher;
    EVP_MD_CTX *digest; /* over all that was read, secrets left out */
    uint64_t key[2];
    unsigned ranks; /* texts read so far */
    struct hostport_local local;
    struct strmap hosts;    /* portal and phones: value is the line */
    struct strmap profiles; /* by name: value is the index below */
    struct profile **profile_list;
    size_t profile_count;
    bool sample;              /* config_sample: its phones are never spoken to */
    bool users_incomplete;    /* a users file had errors: who is missing is not known */
    bool profiles_incomplete; /* one had errors: what its rules name is not known */
    struct strmap roles;      /* named by rules of loaded profiles */
    struct strmap site_roles; /* declared by the main configuration, for rules of any profile; value
                                 1: its account is admin_login */
    struct strmap site_rule_names; /* value is the index in the list "rules" */
    struct strmap groups;          /* value is the index below */
    struct loaded_group *group_list;
    struct strmap ca_files;
    struct loaded_pin **pins;
    size_t pin_count, pin_room;
    struct strmap pin_phones; /* value is the index of the first one above */
    struct vault *vault;      /* NULL: none, or it cannot be read */
};

struct loader *loader_new(void);
/* Frees everything but the snapshot. */
void loader_free(struct loader *l);
/* Read the file and point the reader at it. */
enum source_result loader_read(struct loader *l, const char *path);
/* The same from memory (source_from_text), for fuzzing. */
enum source_result loader_read_text(struct loader *l, const char *path, struct str text);
/* Load all parts of what was read, report, and free the loader: config_load's second half. */
enum config_result loader_finish(struct loader *l, enum source_result source, config_report *report,
                                 void *user, struct config **config);
/* The end of that: report what was found, build the snapshot, free the loader. */
enum config_result loader_end(struct loader *l, enum source_result source, config_report *report,
                              void *user, struct config **config);
void loader_digest(struct loader *l, struct str text);

void snapshot_free(struct snapshot *s);

/* settings: everything that is one value; `only` (NULL: all) limits it to keys so named. */
void load_settings(struct loader *l, const char *const *only);
/* listeners: addresses to listen on, and balancers. */
void load_listeners(struct loader *l);
/* roles: the site's own, before any profile is read. */
void load_roles(struct loader *l);
/* roles, phones with their profiles, rules, groups, grants: what decide() goes by. */
void load_access(struct loader *l);
/* user, admin, the site's or one of a loaded profile's. */
bool load_role_is_declared(const struct loader *l, struct str role);
/* groups: before grants. */
void load_groups(struct loader *l);
/* NULL where there is none of this name. */
struct loaded_group *load_group_find(const struct loader *l, struct str name);
/* Behind the grants: which groups none of them names. */
void load_groups_unused(struct loader *l);
/* A number whose default is worked out from other values. */
#define NOT_SAID 0xffffffff

/* connections: what the limits of connections say together. */
void load_connection_limits(struct loader *l);
/* assets: the group "asset_cache", read with the settings. */
extern const struct reader_key load_asset_cache_keys[];
/* hardening: the group of that name, read with the settings. */
extern const struct reader_key load_hardening_keys[];
void load_hardening_check(struct loader *l);
/* expect: the group in "hardening", before the phones; that of one phone (NULL: it has none),
 * with the former; and, behind the phones, whether the former's names mean anything. */
void load_expect(struct loader *l);
void load_expect_phone(struct loader *l, const config_setting_t *group,
                       const struct profile *profile, struct config_phone *phone);
void load_expect_check(struct loader *l);
/* limits: the list "users", read, and laid upon the lines of the users files. */
void load_limits(struct loader *l);
void load_limits_apply(struct loader *l);
/* users: every line of users_file and users_dir. */
void load_users(struct loader *l);
/* profile: NAME.cfg, read once. NULL where it has errors, with *known false where there is none. */
const struct profile *load_profile(struct loader *l, struct str name, bool *known);
/* Where a rule stands: names must be unique in it, roles are what it declares beside user, admin
 * and the site's. */
struct rule_scope {
    struct strmap *names; /* value is the line */
    const struct str *roles;
    size_t role_count;
    bool site; /* the main configuration: says which profiles it is for */
};
/* One element of a list of rules. */
void load_rule(struct loader *l, const struct reader *r, const config_setting_t *group,
               const struct rule_scope *scope, struct rule *rule);
/* rules: the site's own, laid into the profiles that phones have. */
void load_site_rules(struct loader *l);
/* checks: what does nothing, once everything else is read. */
void load_checks(struct loader *l);
/* Phones that no grant covers; `ids` leads to their places. */
void load_check_phones(struct loader *l, const struct strmap *ids);
/* False where the hours of a grant do not come before it is over. */
bool load_hours_may_hold(const struct grant *grant, int64_t now);
/* Patterns over paths. */
void load_check_patterns(const struct reader *r, const config_setting_t *group, const char *key,
                         const struct str *patterns, size_t count);
/* harden: the profile's list of settings that are judged and set. NULL for no list. */
const struct harden_rule *load_harden(const struct reader *r, const config_setting_t *list,
                                      size_t *count);
/* A name of a phone's setting; `pattern`: '*' may stand in it. */
bool load_setting_is_good(struct str name, bool pattern);
/* [a-z0-9_-]{1,32} */
bool load_role_is_good(struct str role);
/* What a grant's `allow` may lift. */
bool load_class_is_known(struct str name);
void load_phones(struct loader *l);
/* In its one spelling; an empty str where it is none, or another phone's in `macs`. */
struct str load_mac(struct loader *l, const config_setting_t *at, struct str text,
                    struct strmap *macs);
void load_grants(struct loader *l);
/* certificate and key; which hosts it covers; what the realm says. */
void load_identity(struct loader *l);

/* vault: the group of that name, read with the settings; then opened, before the phones. */
extern const struct reader_key load_vault_keys[];
void load_vault_paths(struct loader *l);
void load_vault(struct loader *l);
/* The password, and the candidate, of `setting` of phone `id`. */
void load_from_vault(struct loader *l, const config_setting_t *at, struct str id,
                     struct str setting, struct config_account *account);
/* A copy that is wiped with the snapshot. */
struct str loader_keep_secret(struct loader *l, struct str text);

/* Which account of a phone is read. */
struct account_place {
    struct str phone;   /* its id */
    const char *what;   /* "login", "admin_login" */
    struct str setting; /* by the vendor's name, for the vault */
};
/* provisioning: the group of that name, read with the settings; the same in a phone; and, behind
 * the phones, what comes of both. */
extern const struct reader_key load_provisioning_keys[];
void load_provisioning_paths(struct loader *l);
void load_pull_login(struct loader *l, const config_setting_t *group, struct str id,
                     struct config_phone *phone);
void load_provisioning(struct loader *l);

/* The account and the proof of one phone. `realm` NULL: this account may name none. */
void load_account(struct loader *l, const config_setting_t *group,
                  const struct account_place *place, struct config_account *account,
                  struct str *realm);
/* model and audit of a phone. */
void load_device(const struct reader *r, const config_setting_t *group, struct str model,
                 const config_setting_t *audit, struct config_phone *phone);
void load_phone_tls(struct loader *l, const config_setting_t *group, struct str id,
                    struct config_phone *phone);
/* pins: the pins file, before the phones; then those of phone `id`. */
void load_pins(struct loader *l);
void load_phone_pins(struct loader *l, const config_setting_t *at, struct str id,
                     struct config_phone *phone);

/* Add a normalised host that must be nobody else's; an empty str where it is refused. */
struct str load_host(struct loader *l, const config_setting_t *at, struct str text);

#endif
