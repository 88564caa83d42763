/* audit_report.h: what an audit found, as one JSON value, and that as a page or a table.
 *
 * The JSON is the report, and stable: phonegate(8) describes it. Text and HTML are drawn from it,
 * and an earlier one is what --baseline compares with. No value of a secret is ever in it. */
#ifndef PROXY_HARDEN_AUDIT_REPORT_H
#define PROXY_HARDEN_AUDIT_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "policy/harden/harden.h"

#define AUDIT_REPORT_FORMAT "phonegate-audit/1"
/* Octets of an earlier report that is read. */
#define AUDIT_REPORT_MAX ((size_t)256 << 20)

/* What is said of a phone beside its findings. Empty texts and NULL stand for "not known". */
struct audit_subject {
    struct str id, name, profile, address, model, firmware, mac;
    const char *trouble;
    size_t order;       /* its place in the configuration */
    const uint8_t *pin; /* 32 octets */
};

/* An empty report of now. */
json_t *audit_report_new(const char *version, struct str policy_version);
void audit_report_add(json_t *report, const struct audit_subject *subject,
                      const struct harden_report *findings);
/* Every phone is in it: sort the worst to the front and sum up. */
void audit_report_finish(json_t *report);
/* Does nothing fall short? */
bool audit_report_is_clean(const json_t *report);

/* An earlier report from `file`; NULL with a line in `error`. */
json_t *audit_report_read(const char *file, char *error, size_t error_len);
/* Leave in `report` only what changed since `baseline`: findings get a member "change" ("new",
 * "worse", "unclear", "mended", "gone"), the others go, and phones without any with them. `known`
 * tells whether a phone of the baseline is still one of ours: those that are and were not asked
 * this time are left out, the others are "gone". */
void audit_report_compare(json_t *report, const json_t *baseline,
                          bool (*known)(void *user, const char *id), void *user);

void audit_report_write_json(const json_t *report, FILE *to);
void audit_report_write_text(const json_t *report, FILE *to, bool colours);
/* One file without scripts, for light and dark. */
void audit_report_write_html(const json_t *report, FILE *to);

#endif
