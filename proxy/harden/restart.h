/* restart.h: restart a phone by its own form, and wait until it is back.
 *
 * The form that asks for it was found by its button; where the phone asks back, the button of that
 * page is pressed as well. A phone that restarts hangs up without an answer. */
#ifndef PROXY_HARDEN_RESTART_H
#define PROXY_HARDEN_RESTART_H

#include "proxy/harden/crawl.h"

#define RESTART_MS_MAX  (180 * 1000) /* until the phone must be back: firmware 10 takes a minute */
#define RESTART_POLL_MS 500          /* between two looks at first; it grows once it is gone */
/* A phone that said it will, and was never seen to be gone, answers some seconds before it goes:
 * only then it counts as back. */
#define RESTART_GO_MS (10 * 1000)
/* A phone without a web interface is silent in the same way as one that is starting. */
#define RESTART_SILENT_MS 5000

/* Buttons that restart a phone, as the vendor's pages name them (IssabelFoundation/endpointconfig2,
 * vendor Snom.py); the last element is NULL. */
extern const char *const restart_buttons[];

struct restart_request {
    const char *button; /* one of restart_buttons */
    struct str target;  /* the page it is on */
    bool silent;        /* it is to be back without a web interface */
};

/* `reason` is NULL once the phone is back; "restart_not_found", "restart_refused",
 * "restart_too_long", "still_answers" (silent), or a reason of phone_exchange. */
typedef void restart_done(void *user, const char *reason);

struct restart;

/* Called exactly once, never from inside. */
struct restart *restart_start(const struct way *way, const struct restart_request *request,
                              restart_done *done, void *user);
void restart_cancel(struct restart *r);

#endif
