/* profile.h: what is known of one phone model, as data (NAME.cfg in profiles_dir).
 *
 * Immutable once loaded; owned by the configuration. Rules are tried in order, the first that
 * matches decides, none matching denies. */
#ifndef POLICY_ACCESS_PROFILE_H
#define POLICY_ACCESS_PROFILE_H

#include "policy/access/rule_param.h"
#include "policy/auth/phone_auth.h"
#include "policy/auth/phone_form.h"
#include "policy/base/request.h"
#include "policy/harden/about.h"

/* One of a rule's three ways to look at parameters (query and body together). */
enum rule_params {
    RULE_PARAMS_ABSENT, /* no `parameters` key. allow: the request has no parameter and no body;
                           deny: looks at neither */
    RULE_PARAMS_LISTED, /* allow: every parameter is in the list; deny: one in the list is enough */
    RULE_PARAMS_ANY, /* [ "*" ]: looks at neither parameters nor body, so any body streams through
                      */
};

struct rule {
    struct str name;   /* in records; unique within the profile */
    struct str class;  /* a deny rule that a grant's `allow` lifts: "factory-reset", ...; empty:
                          never lifted */
    struct str reason; /* shown to the person; may be empty */
    const struct str *roles;
    size_t role_count;       /* 0: every role */
    uint32_t methods;        /* bit 1u << enum method; 0: every method */
    const struct str *paths; /* patterns, "*" is any run of characters, '/' included */
    size_t path_count;
    enum rule_params params;
    const struct rule_param *parameters;
    size_t param_count;
    bool allow;
    bool changes;    /* allow: its listed parameters do something; without it they are harmless.
                        See rule_can_change */
    struct str file; /* where it stands, for explain and records */
    unsigned line;
};

struct harden_rule; /* policy/harden/harden.h */

struct profile {
    struct str name;
    enum phone_login login;
    struct phone_form *form;      /* with PHONE_LOGIN_FORM: how; owned by the configuration */
    unsigned concurrent_requests; /* in flight at one phone: 1..256 */
    bool case_insensitive_paths;
    bool keep_alive_header;                 /* send "Connection: keep-alive" ... */
    const struct str *no_keep_alive_header; /* ... but not on these path patterns */
    size_t no_keep_alive_count;
    const struct str *statics; /* path patterns of what pages are made of: see asset.h */
    size_t static_count;
    const struct str *roles; /* its own, beside user and admin */
    size_t role_count;
    const struct str *harmless_values; /* parameters whose values may stand in a record */
    size_t harmless_value_count;
    struct str content_security_policy; /* sent with this phone's pages; empty: none */
    const struct rule *rules;
    size_t rule_count;
    const struct harden_rule *harden; /* what a hardened phone looks like; none: nobody knows */
    size_t harden_count;
    const struct str *settings_pages; /* targets that show all settings, best first */
    size_t settings_page_count;
    struct about_labels about;           /* where the phone says which one it is */
    const struct str *shared_key_models; /* whose phones all show one key: a pin proves no phone */
    size_t shared_key_model_count;
    struct str admin_page, admin_field; /* where a user enters administrator mode, and the field for
                                           its password; empty: not known */
    struct str restart_setting; /* "on" at the head of a provisioning file: the phone restarts where
                                   something waits for it; empty: there is none */
};

/* Can what this rule allows change something at the phone? With [ "*" ] nobody looked, so it can.
 */
static inline bool rule_can_change(const struct rule *rule) {
    return rule->allow && (rule->changes || rule->params == RULE_PARAMS_ANY);
}

#endif
