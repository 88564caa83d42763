/* plan.h: what has to be changed on a phone, and in which order.
 *
 * From a report to a list of changes. The order is what keeps a phone reachable whatever happens in
 * between: first who may in (the scheme before the password, where a page splits them, so that no
 * password is ever asked for as Basic), then what counts at once, then what waits for a restart,
 * and at the very end what closes the phone's pages to the login itself. Passwords are not known
 * here: a change says that it needs one. */
#ifndef POLICY_HARDEN_PLAN_H
#define POLICY_HARDEN_PLAN_H

#include "policy/harden/harden.h"

#define PLAN_CHANGES_MAX 64 /* of one phone */

enum plan_stage {
    PLAN_ACCESS,   /* step 1, and all passwords but the PIN */
    PLAN_SETTINGS, /* what counts as soon as it is saved */
    PLAN_RESTART,  /* what the phone reads when it starts */
    PLAN_CLOSING,  /* administrator mode off: the login changes nothing afterwards */
    PLAN_STAGES
};

struct plan_change {
    struct str setting;
    struct str confirm; /* set along with it, the same value; empty: none */
    struct str value;   /* what it becomes; nothing where `own` */
    bool own;           /* the site's own: from the configuration, the vault, or new */
    bool secret;
    bool optional; /* a phone whose pages do not have it is left as it is */
    enum plan_stage stage;
    unsigned step;
    enum harden_state state; /* as it is now: FAILS, UNKNOWN, or HOLDS where it is wanted anew */
    struct str seen, why;
};

/* Something that is wanted whatever the report says: a new password, one that may have been sent
 * before a crash. */
struct plan_want {
    struct str setting;
    struct str value; /* .ptr NULL: the site's own */
};

struct plan_options {
    const struct plan_want *wants;
    size_t want_count;
    bool only_wants; /* the report's findings are left alone */
    bool beyond;     /* also what goes beyond the guide and fails */
};

struct plan {
    struct plan_change *changes; /* in order */
    size_t count;
    /* Findings that a change of settings could mend, had anybody said to what: for a person. */
    struct harden_finding *by_hand;
    size_t by_hand_count;
};

/* What a plan is made from; `rules` are those of the report. */
struct plan_source {
    const struct harden_report *report;
    const struct harden_rule *rules;
    size_t rule_count;
    const struct harden_facts *facts;
};

/* Make a plan; it lives in the arena and points into source and wants. False when the arena is used
 * up or there is more than PLAN_CHANGES_MAX: then there is no plan. */
MUST_USE bool plan_make(const struct plan_source *source, const struct plan_options *options,
                        struct arena *arena, struct plan *plan);

/* The change of a setting; NULL where there is none. */
const struct plan_change *plan_find(const struct plan *plan, struct str setting);

const char *plan_stage_str(enum plan_stage stage); /* "access", "settings", "restart", "closing" */

#endif
