/* probe.h: what one phone shows and says of itself: facts for harden_judge.
 *
 * Never risks the phone's lock-out: at most one failed login per probe, none where the gate already
 * knows that its password is refused, and a factory password only when asked for, once, and where
 * nothing failed before. Passwords go over a TLS connection only that has proven itself, and never
 * where Basic alone is asked for. What cannot be seen stays unknown.
 *
 * Order: the TLS port (certificate, version, challenge), the plain port, the old remote port, then
 * the settings by the service account where there is one, else by the login. All through the
 * phone's queue, one after the other: phones take one request at a time. */
#ifndef PROXY_HARDEN_PROBE_H
#define PROXY_HARDEN_PROBE_H

#include "policy/harden/harden.h"
#include "proxy/harden/fetch.h"

/* config->phones[index]; `phone` is its run-time object. */
struct probe_target {
    struct config *config;
    size_t index;
    struct phone *phone;
};

struct probe_options {
    bool try_factory; /* try the factory's passwords of administrators, once */
    bool background;  /* nobody waits for it: people come first */
    bool quick;       /* ports, certificate and challenge only: nobody logs in */
    struct phone_timeouts timeouts;
};

struct probe_result {
    struct harden_facts facts; /* complete: settings, expectations, what the configuration allows */
    bool has_pin;              /* a certificate was shown; pin: SHA-256 of its public key */
    uint8_t pin[32];
    struct str mac;     /* 12 hex digits, upper case; empty: not seen */
    struct str account; /* whose login was used; empty: nobody's */
    /* Why not everything is known, as a stable name; NULL: nothing went wrong. "phone_refused" and
     * the other names of phone_exchange, or "certificate_changed", "tls_older", "basic_only",
     * "locked_out", "login_refused", "wrong_model", "settings_forbidden", "settings_truncated",
     * "settings_malformed", "no_tls", ... */
    const char *trouble;
};

/* Slices of the result are valid during the call; afterwards everything is wiped. Called exactly
 * once, never from inside probe_start; the probe is gone then. */
typedef void probe_done(void *user, const struct probe_result *result);

struct probe;

/* Takes references on the configuration and the phone. */
struct probe *probe_start(struct worker *w, const struct probe_target *target,
                          const struct probe_options *options, probe_done *done, void *user);
/* `done` does not come any more. */
void probe_cancel(struct probe *p);

#endif
