/* apply.h: bring one phone to the four steps, through its own pages.
 *
 * Order, so that no crash and no refusal ever locks the gate out:
 *
 *   1. Which password does the phone take (recover)? A phone that is not pinned, asks for Basic,
 *      is another model, or is locked is left alone.
 *   2. What does it say (probe), and what has to be changed (plan)?
 *   3. On which pages are the forms (crawl)? If one is not found nothing is sent.
 *   4. New passwords go into the vault as candidates, synced to the disk, before anything is sent.
 *   5. Who may in: one form a page. The new login is tried, and saved, before the old one is
 *      forgotten.
 *   6. The settings that count at once, and then those that wait for a restart.
 *   7. The restart, and the wait for the phone: what it forgot would show now, while its pages can
 *      still be changed.
 *   8. Administrator mode off. Afterwards only the service account changes anything.
 *   9. The phone is probed and judged again.
 *
 * Where nothing is to be sent, a run before may have been cut between applying and saving. So the
 * page of a setting is looked at, whether the phone has something that is not saved.
 *
 * No journal: what is left to do is what the phone's next answer says, and which passwords it may
 * have is what the vault's candidates say. Whatever is not as expected stops this phone, and is
 * never sent again by the same run. */
#ifndef PROXY_HARDEN_APPLY_H
#define PROXY_HARDEN_APPLY_H

#include "policy/harden/plan.h"
#include "proxy/harden/recover.h"

enum apply_mode {
    APPLY_PLAN, /* steps 1 and 2 of the above only */
    APPLY_HARDEN,
    APPLY_ROTATE,  /* new passwords where they are in the vault */
    APPLY_WUI_OFF, /* the web interface off, nothing else */
    APPLY_RECOVER, /* what it has of a run that was cut is saved, nothing else */
};

struct apply_request {
    struct worker *worker;
    struct config *config; /* a reference is taken */
    size_t index;
    struct vault *vault; /* NULL: none; the caller's */
    enum apply_mode mode;
    bool beyond; /* what goes beyond the guide as well */
    bool pins;   /* with APPLY_ROTATE: PINs, too */
    /* Passwords in the vault are others now; `soon`: and a phone that is served is told next.
     * Called with apply_start's `user`. */
    void (*vault_written)(void *user, bool soon);
};

struct apply_result {
    const char *reason;                 /* NULL: nothing went wrong; else a stable name */
    struct str about;                   /* the setting that the reason is about; may be empty */
    const struct plan *plan;            /* what was to be changed; NULL: it did not come so far */
    const bool *changed;                /* by change of the plan: the phone took it */
    const struct harden_report *before; /* NULL: not judged */
    const struct harden_report *after;  /* NULL: not judged again */
    bool restarted;
    bool saved; /* what an earlier run had only applied */
};

/* Slices are valid during the call. Called exactly once, never from inside apply_start. */
typedef void apply_done(void *user, const struct apply_result *result);

struct apply;

struct apply *apply_start(const struct apply_request *request, apply_done *done, void *user);

#endif
