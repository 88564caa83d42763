/* change.h: one form of a phone, filled in and sent; or looked at, whether it was taken.
 *
 * The page is fetched anew each time, so that every hidden field goes back as the phone just gave
 * it. Nothing is sent where a field is missing, cannot take the value, or the form would put it
 * into a URL: a wrong form is worse than none. */
#ifndef PROXY_HARDEN_CHANGE_H
#define PROXY_HARDEN_CHANGE_H

#include "policy/harden/form.h"
#include "proxy/harden/way.h"

#define CHANGE_PAIRS_MAX 128

struct change_pair {
    struct str setting, value;
};

enum change_kind {
    CHANGE_SEND,  /* fill in and save, or, where the form only applies, apply */
    CHANGE_SAVE,  /* press the button "Save" of what was applied; no pairs */
    CHANGE_LOOK,  /* is there a button "Save", other than that of the first pair's own form?
                     "save_not_found" if not; values do not count */
    CHANGE_CHECK, /* does the page show these values? Passwords are not compared */
};

struct change_request {
    enum change_kind kind;
    struct str target;               /* of the page */
    const struct change_pair *pairs; /* the caller's, until `done` */
    size_t count;
};

struct change_result {
    const char *reason; /* NULL: done */
    bool sent;          /* the phone may have got it, whatever the reason */
    bool unsaved;       /* it was applied and is lost at a restart: CHANGE_SAVE is due */
    struct str setting; /* which field the reason is about; may be empty */
};

/* Reasons: "form_not_found" and the other verdicts of form.h, "setting_cannot_be_set",
 * "save_not_found", "change_refused", "change_not_taken", "page_forbidden", ..., and those of
 * phone_exchange. Called exactly once, never from inside change_start. */
typedef void change_done(void *user, const struct change_result *result);

struct change;

struct change *change_start(const struct way *way, const struct change_request *request,
                            change_done *done, void *user);
void change_cancel(struct change *c);

/* The body of `form` with `button` pressed, and where it goes from the page `base`. malloc'd, both;
 * the caller wipes and frees. NULL or false where it cannot be written. */
char *change_body(const struct form *form, const struct form_field *button, size_t *len);
MUST_USE bool change_target(const struct form *form, struct str base, struct outbuf *out);

#endif
