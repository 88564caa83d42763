/* audit.h: many phones probed side by side, each judged by its profile. */
#ifndef PROXY_HARDEN_AUDIT_H
#define PROXY_HARDEN_AUDIT_H

#include "proxy/harden/probe.h"
#include "proxy/run/solo.h"

struct audit_request {
    struct config *config;
    const size_t *phones; /* indices into config->phones, in the order they are asked */
    size_t count;
    unsigned parallel; /* phones at a time, above 0 */
    struct probe_options probe;
    const char *provisioning; /* directory of the files that phones fetch; NULL: none */
};

/* One phone is done. Nothing outlives the call. */
typedef void audit_phone(void *user, size_t index, const struct probe_result *result,
                         const struct harden_report *report);

/* Probe and judge them all; returns when the last one is done. */
void audit_run(struct solo *solo, const struct audit_request *request, audit_phone *each,
               void *user);

/* Does this finding make a phone fall short? Failures but for notes; and what is unknown where the
 * guide or the probe should have known. */
bool audit_falls_short(const struct harden_finding *finding);

#endif
