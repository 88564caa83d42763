/* harden.h: facts about a phone in, findings out.
 *
 * What a hardened phone looks like is data of its profile (struct harden_rule, the list "harden" in
 * NAME.cfg). The facts are what a probe saw and what the phone's settings say. Every rule gives at
 * least one finding, and what nobody knows is a finding of its own, never a pass. A finding never
 * holds the value of a secret. Nothing here allocates outside the arena. */
#ifndef POLICY_HARDEN_HARDEN_H
#define POLICY_HARDEN_HARDEN_H

#include "policy/harden/dump.h"
#include "policy/harden/provision.h"

/* The vendor's guide has steps 1 to 4; BEYOND is what it does not name. */
enum { HARDEN_STEP_MAX = 4, HARDEN_BEYOND = 5, HARDEN_STEPS = 6 };

#define HARDEN_SEEN_MAX  80   /* characters of a value in a finding */
#define HARDEN_EACH_MAX  32   /* findings of one rule with a '*' */
#define HARDEN_TEXT_MAX  512  /* characters of a text that is put together here */
#define HARDEN_RULES_MAX 1024 /* of one profile */

enum harden_check {
    HARDEN_SET,      /* not empty and not one of `factory` */
    HARDEN_EMPTY,    /* empty */
    HARDEN_VALUES,   /* one of `values`; the first is what is set */
    HARDEN_AT_MOST,  /* a number from 1 to `at_most` */
    HARDEN_EXPECTED, /* what the site expects (struct harden_expect) */
};

/* What a probe can say about a setting without reading it. */
enum harden_probe {
    HARDEN_PROBE_NONE,
    HARDEN_PROBE_LOGIN,   /* does the phone ask for a login at all */
    HARDEN_PROBE_DIGEST,  /* and for which */
    HARDEN_PROBE_HTTPS,   /* does its plain port still serve pages */
    HARDEN_PROBE_FACTORY, /* was the factory password taken */
};

enum harden_severity { HARDEN_NOTE, HARDEN_LOW, HARDEN_MEDIUM, HARDEN_HIGH };

struct harden_rule {
    unsigned step;      /* 1..4, HARDEN_BEYOND */
    struct str setting; /* the vendor's name; '*' stands for any run of characters (EMPTY only) */
    enum harden_check check;
    enum harden_probe probe;
    enum harden_severity severity;
    enum provision_perm perm; /* how it is provisioned */
    bool secret;              /* its value is never shown */
    bool optional;            /* a phone that does not name it has none: no finding */
    bool restart;             /* a change waits for the phone's restart */
    bool passing;             /* who works at the phone turns it on for a while: drift.h */
    uint32_t at_most;
    const struct str *values, *factory, *models; /* models: only these; none: every model */
    size_t value_count, factory_count, model_count;
    struct str confirm;      /* a setting that must be set along with it */
    struct str differs_from; /* a setting whose value it must not share; both in clear only */
    /* An empty value means `empty_before` before this firmware and `empty_since` from it on. */
    struct str empty_changed, empty_before, empty_since;
    struct str place; /* where a person finds it */
    struct str why;
};

enum harden_plain { /* the answer on the plain HTTP port */
                    HARDEN_PLAIN_UNKNOWN,
                    HARDEN_PLAIN_REFUSED,   /* nobody listens, or hung up without a page */
                    HARDEN_PLAIN_FORBIDDEN, /* 403 */
                    HARDEN_PLAIN_REDIRECT,  /* 307 (or 301, 302, 308) to https */
                    HARDEN_PLAIN_ANSWERS,   /* anything else */
};

enum harden_challenge {
    HARDEN_CHALLENGE_UNKNOWN,
    HARDEN_CHALLENGE_NONE, /* pages without a login */
    HARDEN_CHALLENGE_BASIC,
    HARDEN_CHALLENGE_DIGEST,
    HARDEN_CHALLENGE_BOTH,  /* Basic and Digest side by side */
    HARDEN_CHALLENGE_OTHER, /* a form, or a scheme that is not known here */
};

enum harden_port { HARDEN_PORT_UNKNOWN, HARDEN_PORT_CLOSED, HARDEN_PORT_OPEN };

enum harden_tls { HARDEN_TLS_UNKNOWN, HARDEN_TLS_OLDER, HARDEN_TLS_1_2, HARDEN_TLS_1_3 };

enum harden_certificate {
    HARDEN_CERTIFICATE_UNKNOWN,
    HARDEN_CERTIFICATE_TRUSTED,   /* a pin or an authority vouches for it */
    HARDEN_CERTIFICATE_UNPINNED,  /* the configuration does not know it yet */
    HARDEN_CERTIFICATE_CHANGED,   /* not the one that was pinned */
    HARDEN_CERTIFICATE_UNCHECKED, /* verify = "none" */
};

enum harden_factory { HARDEN_FACTORY_UNKNOWN, HARDEN_FACTORY_TAKEN, HARDEN_FACTORY_REFUSED };

struct harden_expect {
    struct str setting, value;
};

struct harden_facts {
    struct str model;            /* "D785", "snom320"; empty: not known */
    struct str firmware;         /* "10.1.184.15", "snomD785-SIP 10.1.184.15"; empty: not known */
    const struct dump *settings; /* NULL: they could not be read */
    enum harden_plain plain;
    enum harden_port https, remote; /* remote: port 1800 of old firmware */
    enum harden_challenge challenge;
    enum harden_tls tls;
    enum harden_certificate certificate;
    enum harden_factory factory_password;
    bool wui_off_wanted; /* this phone's web interface is to be off */
    bool provisioned;    /* the file that it fetches would fulfil all four steps */
    bool allow_plain_http, no_login_allowed;     /* of the phone's entry in the configuration */
    bool wrong_model, locked_out, login_refused; /* what went wrong while it was asked */
    const struct harden_expect *expected;
    size_t expected_count;
};

/* CLOSED: nobody can ask. The web interface is off, as it should be, and the phone is provisioned
 * with what is wanted. */
enum harden_state { HARDEN_HOLDS, HARDEN_FAILS, HARDEN_UNKNOWN, HARDEN_CLOSED };

enum harden_about { HARDEN_ABOUT_SETTING, HARDEN_ABOUT_PROBE, HARDEN_ABOUT_CONFIGURATION };

struct harden_finding {
    unsigned step;
    enum harden_state state;
    enum harden_severity severity; /* of a failure; what is unknown is never worse than MEDIUM */
    enum harden_about about;
    const struct harden_rule *rule; /* NULL: not of the profile's list */
    struct str name;                /* the setting, "port 1800", "TLS", "allow_plain_http" */
    struct str seen;                /* "set", "empty", "factory", "on", ...; printable ASCII */
    struct str wanted;
    struct str why;
    struct str mend; /* empty where it holds or is closed */
};

struct harden_report {
    struct harden_finding *findings; /* in the order of the rules */
    size_t count;
    enum harden_state steps[HARDEN_STEPS]; /* by step; [0] is not used */
};

/* Judge. The report lives in the arena and points into rules and facts. False when the arena is
 * used up: then nothing is known. */
MUST_USE bool harden_judge(const struct harden_rule *rules, size_t count,
                           const struct harden_facts *facts, struct arena *arena,
                           struct harden_report *report);

/* The value that makes a rule hold, for plans, forms and provisioning: written to `out`. False
 * where none is known here: passwords and PINs (SET), and what the site expects but did not say. */
MUST_USE bool harden_value(const struct harden_rule *rule, const struct harden_facts *facts,
                           struct outbuf *out);

/* Is firmware `a` older than `b`? False, with *known false, where one of them has no number. The
 * number is the last word of digits and dots. */
bool harden_firmware_before(struct str a, struct str b, bool *known);

/* Does the rule speak about this model? "snom" in front of a name is no part of it. */
bool harden_rule_is_for(const struct harden_rule *rule, struct str model);

/* Is the web interface off, as it should be? */
bool harden_wui_is_off(const struct harden_facts *facts);

const char *harden_state_str(enum harden_state state);       /* "holds", "fails", ... */
const char *harden_severity_str(enum harden_severity level); /* "note", "low", ... */
const char *harden_step_str(unsigned step);                  /* "1".."4", "beyond" */

#endif
