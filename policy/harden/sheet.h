/* sheet.h: what stands in the file that provisions one phone, and whether it does what it is for.
 *
 * The profile's list says which settings, in which order, with which permission; passwords, PINs
 * and names of accounts are the site's own and given by the caller. A file counts only once it was
 * read back and the phone it would make was judged: all four steps of the vendor's guide hold, or
 * the file is refused. */
#ifndef POLICY_HARDEN_SHEET_H
#define POLICY_HARDEN_SHEET_H

#include "policy/harden/harden.h"

#define SHEET_OWN_MAX 16    /* values of the site's own */
#define SHEET_MAX     65536 /* octets of a file */
#define SHEET_ARENA   ((size_t)1 << 20)

struct sheet_value {
    struct str setting, value;
    bool secret;
};

struct sheet_wanted {
    const struct harden_rule *rules;
    size_t rule_count;
    struct str restart_setting; /* stands first, "on"; empty: the profile has none */
    /* What the phone is and what is expected of it: model, wui_off_wanted, expected. What a probe
     * saw is not asked. */
    const struct harden_facts *facts;
    bool beyond;                   /* also what goes beyond the guide, where a value is known */
    const struct sheet_value *own; /* what the rules ask for, and more that goes along */
    size_t own_count;
};

enum sheet_verdict {
    SHEET_OK,
    SHEET_NO_RULES,    /* the profile says nothing about hardening */
    SHEET_MISSING,     /* a value of the site's own was not given: `about` */
    SHEET_NOT_TAKEN,   /* a setting that cannot be written: `about` */
    SHEET_NOT_READ,    /* what was written does not read back as what was meant */
    SHEET_FALLS_SHORT, /* a step would not hold: `about` */
    SHEET_NO_MEMORY,
};

struct sheet {
    struct provision_setting *settings; /* in order, as read and judged */
    size_t count;
    struct str about; /* the setting that a verdict is about */
};

/* Must the caller give a value for this rule's setting? */
bool sheet_asks(const struct harden_rule *rule, struct str model);

/* Write the file into `out` (SHEET_MAX), read it back and judge it. `sheet` lives in the arena,
 * which holds secrets afterwards, as `out` does; with another verdict than OK neither is of use but
 * for `about`. */
MUST_USE enum sheet_verdict sheet_make(const struct sheet_wanted *wanted, struct arena *arena,
                                       struct outbuf *out, struct sheet *sheet);

/* Would a phone that took exactly this file fulfil all four steps? `about` is the setting
 * that keeps it from that, and lives as `text` does; the arena holds secrets afterwards, as `text`
 * does. `wanted->own` is not asked. */
MUST_USE enum sheet_verdict sheet_check(const struct sheet_wanted *wanted, struct str text,
                                        struct arena *arena, struct str *about);

const char *sheet_verdict_str(enum sheet_verdict verdict);

#endif
