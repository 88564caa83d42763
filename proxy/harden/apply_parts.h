/* apply_parts.h: what the files of apply share, and nobody else sees.
 *
 * apply.c: the way from one step to the next. apply_plan.c: what is wanted of the phone.
 * apply_login.c: new passwords. apply_account.c: whether the phone took them. apply_save.c: a form
 * is sent and saved. apply_note.c: records. */
#ifndef PROXY_HARDEN_APPLY_PARTS_H
#define PROXY_HARDEN_APPLY_PARTS_H

#include "proxy/harden/apply.h"
#include "proxy/harden/change.h"
#include "proxy/harden/crawl.h"
#include "proxy/harden/probe.h"
#include "proxy/harden/restart.h"

/* A change is looked for by its field and by the one that confirms it. */
enum {
    APPLY_BUTTONS = 3,
    APPLY_WANTS_MAX = 16,
    APPLY_FINDS_MAX = 2 * PLAN_CHANGES_MAX + APPLY_BUTTONS
};

/* One change of the plan. */
struct apply_item {
    struct str value;
    struct str candidate; /* the value, where it is the vault's candidate */
    bool left_over;       /* the candidate is of a run before this one */
    bool over;            /* taken, or left as it is */
};

/* A group is sent once; or, where nobody knows whether the phone has saved its candidates, with the
 * values in force and then with the candidates again (apply_save.c). */
enum apply_again {
    APPLY_ONCE,
    APPLY_BACK,       /* the values in force were sent */
    APPLY_FORTH,      /* the candidates again */
    APPLY_FORTH_SHOWN /* and in between there was a button that saves */
};

struct apply {
    struct timed timed;
    struct grave grave;
    struct apply_request request;
    const struct config_phone *phone;
    struct secrets secrets;
    apply_done *done;
    void *user;
    struct way way;
    struct way_account login, service; /* that the phone takes now */
    bool open;                         /* it asks for no login */
    bool off;                          /* its web interface is, as it should be */
    bool on_candidate;                 /* it takes a candidate: that may not be saved */
    enum phone_account_kind account;   /* by which pages are read and forms sent */
    struct arena arena;                /* reports and plan */
    struct harden_report before, after;
    struct plan_want wants[APPLY_WANTS_MAX];
    size_t want_count;
    struct plan plan;
    struct apply_item items[PLAN_CHANGES_MAX];
    bool changed[PLAN_CHANGES_MAX];
    struct crawl_want finds[APPLY_FINDS_MAX];
    size_t find_items[APPLY_FINDS_MAX]; /* finds[i] is about this change */
    size_t find_count;
    size_t group[PLAN_CHANGES_MAX]; /* the changes that are sent now, in one form */
    size_t group_count;
    struct change_pair pairs[CHANGE_PAIRS_MAX];
    size_t pair_count;
    char target[FORM_TARGET_MAX];
    size_t target_len;
    bool taken[PHONE_ACCOUNTS]; /* the group's new account was tried, and is the phone's */
    bool unsaved;               /* the group was applied only */
    enum apply_again again;
    bool ready;        /* values and candidates are there */
    bool must_restart; /* something that was sent waits for it */
    struct apply_result result;
};

/* The end, with a stable name or NULL. */
void apply_finish(struct apply *a, const char *reason);

/* Send the group, save it, check it: the end, or on with apply_group_holds. */
void apply_send_group(struct apply *a);
/* The phone has the group, and has saved it. */
void apply_group_holds(struct apply *a);
/* Nothing is to be sent: save what an earlier run had only applied, then go on with
 * apply_rest_is_saved, or the end. */
void apply_save_rest(struct apply *a);
void apply_rest_is_saved(struct apply *a);
/* The group was not taken: the end. */
void apply_stop_group(struct apply *a, const char *reason);
/* The group was sent: try the accounts that it changed, then go on with apply_accounts_hold. */
void apply_change_accounts(struct apply *a);
void apply_accounts_hold(struct apply *a);

/* Judge what the probe saw; NULL, or why this phone is left alone. */
const char *apply_judge(struct apply *a, const struct probe_result *probe,
                        struct harden_report *report);
/* The plan, from the report `before`. NULL, or why there is none. */
const char *apply_make_plan(struct apply *a, const struct probe_result *probe);

/* Values for all changes, candidates written. NULL or why not. */
const char *apply_prepare(struct apply *a);
/* Does the group change an account? */
bool apply_group_has(const struct apply *a, struct str setting);
/* The accounts as they are once the group was taken. */
struct way_account apply_new_login(const struct apply *a);
struct way_account apply_new_service(const struct apply *a);
/* The phone has these: promote and commit. False where the vault could not be written. */
bool apply_keep(struct apply *a, const struct str *settings, size_t count);

/* Records of the group. apply_begin_group: NULL, or why nothing may be sent. */
MUST_USE const char *apply_begin_group(struct apply *a);
void apply_note_begun(struct apply *a);
void apply_note_ended(struct apply *a, const char *reason);
void apply_note_phone(struct apply *a, const char *event, const char *reason);

#endif
