/* recover.h: which passwords does a phone take now?
 *
 * A run that was cut between the phone and the vault leaves a candidate, and nobody knows whether
 * the phone has it. The value in force is tried once, then the candidate once, with a pause: two
 * failures at most, where phones lock at the third.
 *
 * The vault is not changed: a candidate that the phone takes may only be applied, not saved, and
 * then the phone goes back to the other value when it restarts. A candidate that it does not take
 * may be sent yet. So both are kept until a run of apply has sent and saved the candidate. */
#ifndef PROXY_HARDEN_RECOVER_H
#define PROXY_HARDEN_RECOVER_H

#include "proxy/harden/secrets.h"

#define RECOVER_PAUSE_MS                                                                           \
    1000                 /* between two passwords, and before a silent phone is asked again        \
                          */
#define RECOVER_SILENT 3 /* times that a phone which does not answer is asked */

enum recover_state {
    RECOVER_OPEN,  /* asks for no login */
    RECOVER_KNOWN, /* `login` was taken */
    RECOVER_FAILED /* see `reason` */
};

struct recover_request {
    struct worker *worker;
    struct config *config; /* a reference is taken */
    size_t index;
    struct vault *vault; /* NULL: none; the caller's */
    bool service;        /* look at the service account even without a candidate of it */
    bool background;
};

struct recover_result {
    enum recover_state state;
    const char *reason;                /* "credentials_rejected", "basic_only", "locked_out",
                                          "no_password_known", "login_unknown", or of
                                          phone_exchange */
    struct way_account login;          /* with RECOVER_KNOWN; slices of configuration or vault */
    struct way_account service;        /* .user empty: none, not looked at, or not taken */
    bool on_candidate[PHONE_ACCOUNTS]; /* the account was taken with the vault's candidate */
};

typedef void recover_done(void *user, const struct recover_result *result);

struct recover;

/* Called exactly once, never from inside. */
struct recover *recover_start(const struct recover_request *request, recover_done *done,
                              void *user);
void recover_cancel(struct recover *r);

#endif
