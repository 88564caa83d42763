/* audit_report_parts.h: reading a report's JSON, for the files audit_report*.c. Whatever is missing
 * or of another type reads as "", 0 or false, since an earlier report is a file like any other. */
#ifndef PROXY_HARDEN_AUDIT_REPORT_PARTS_H
#define PROXY_HARDEN_AUDIT_REPORT_PARTS_H

#include "proxy/harden/audit_report.h"

const char *report_text(const json_t *object, const char *name);
bool report_is(const json_t *object, const char *name, const char *value);
bool report_flag(const json_t *object, const char *name);
/* Its web interface is off, as it should be: what a step is was taken from its file. */
bool report_is_closed(const json_t *phone);
size_t report_number(const json_t *object, const char *name);

/* A trouble in words, without markup. */
const char *report_meaning(const char *trouble);

/* "holds" 0, "unknown" 1, "fails" 2. */
int report_state_rank(const char *state);
/* "note" 0 ... "high" 3. */
int report_severity_rank(const char *severity);

#endif
