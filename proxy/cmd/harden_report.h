/* harden_report.h: what `phonegate harden` says about one phone, in words and as JSON. */
#ifndef PROXY_CMD_HARDEN_REPORT_H
#define PROXY_CMD_HARDEN_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "proxy/harden/apply.h"

/* A sentence for a reason of apply.h; the name itself where there is none. */
const char *harden_report_words(const char *reason);

/* Is the phone as this action wants it? */
bool harden_report_is_good(enum apply_mode mode, const struct apply_result *result);

void harden_report_text(FILE *to, const struct config_phone *phone, enum apply_mode mode,
                        const struct apply_result *result);
/* A new reference. */
json_t *harden_report_json(const struct config_phone *phone, enum apply_mode mode,
                           const struct apply_result *result);

#endif
