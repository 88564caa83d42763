/* explain_report.h: what explain found, step by step: as one JSON object, and that as text.
 *
 * Names of parameters are told, values are not, save in the target as the person wrote it. */
#ifndef PROXY_CMD_EXPLAIN_REPORT_H
#define PROXY_CMD_EXPLAIN_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "proxy/cmd/explain.h"

struct explain_shown {
    const struct config *config;
    struct str user;
    const struct explain_request *request;
    bool rules; /* every rule up to the one that decides, and why it does not match */
};

/* A new object. `e` holds what explain_judge left there with this result. */
json_t *explain_report(const struct explain_shown *shown, enum explain_result result,
                       const struct explain *e);

/* The same for a refusal before anything was judged. */
json_t *explain_report_refusal(unsigned status, const char *reason);

/* One line a member: a label and what it is. */
void explain_report_text(FILE *to, json_t *report);

/* A string; octets that are no UTF-8 become '?'. */
json_t *explain_json_str(struct str s);

#endif
