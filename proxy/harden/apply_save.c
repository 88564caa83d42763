/* A form is sent, what it only applied is saved, and the page is looked at. At the end of a run
 * that sent nothing, what an earlier one had only applied is saved.
 *
 * Phones that apply and save by two buttons show the second one while something is not saved. Where
 * a run was cut, its candidates are sent again, and then there may be no such button: because the
 * phone has saved them before the run was cut, or because this one has its button elsewhere. To
 * tell these apart the value in force is sent once and then the candidate again. A button in
 * between, and none at the end, shows that the candidate is what the phone has saved. */
#include <string.h>

#include "proxy/harden/apply_parts.h"

static void start_change(struct apply *a, enum change_kind kind, change_done *done) {
    const struct change_request request = {
        kind, {a->target, a->target_len}, a->pairs, a->pair_count};
    (void)change_start(&a->way, &request, done, a);
}

static bool is_closing(const struct apply *a) {
    return a->plan.changes[a->group[0]].stage == PLAN_CLOSING;
}

/* ---- the page ---- */

static void on_checked(void *user, const struct change_result *result) {
    struct apply *a = user;
    a->result.about = result->setting;
    if (result->reason == NULL)
        apply_group_holds(a);
    else
        apply_stop_group(a, result->reason);
}

/* Does the page show what was sent? Without administrator mode it shows nothing to the login. */
static void check_page(struct apply *a) {
    if (is_closing(a) && a->way.account == ACCOUNT_LOGIN)
        apply_group_holds(a);
    else
        start_change(a, CHANGE_CHECK, on_checked);
}

/* ---- is it saved? ---- */

static bool value_before(const struct apply *a, size_t item, struct str *value) {
    return a->items[item].left_over &&
           secrets_get(&a->secrets, a->plan.changes[item].setting, VAULT_CURRENT, value);
}

/* The passwords of the group that were left over: the values in force, or the candidates. */
static void send_again(struct apply *a, bool before) {
    struct str value;
    apply_note_ended(a, NULL);
    for (size_t i = 0; i < a->group_count; i++) {
        struct apply_item *item = &a->items[a->group[i]];
        if (value_before(a, a->group[i], &value)) item->value = before ? value : item->candidate;
    }
    apply_note_begun(a);
    apply_send_group(a);
}

static void on_looked(void *user, const struct change_result *result) {
    struct apply *a = user;
    a->again = result->reason == NULL ? APPLY_FORTH_SHOWN : APPLY_FORTH;
    send_again(a, false);
}

/* There is no button that saves. */
static void no_button(struct apply *a) {
    size_t left_over = 0, before = 0;
    struct str value;
    for (size_t i = 0; i < a->group_count; i++) {
        left_over += a->items[a->group[i]].left_over;
        before += value_before(a, a->group[i], &value);
    }
    if (a->again == APPLY_ONCE && before > 0) {
        a->again = APPLY_BACK;
        send_again(a, true);
    } else if (a->again == APPLY_FORTH_SHOWN ||
               (before == 0 && left_over == a->group_count)) { /* there is nothing to lose */
        check_page(a);
    } else {
        apply_stop_group(a, "save_not_found");
    }
}

static void on_saved(void *user, const struct change_result *result) {
    struct apply *a = user;
    if (result->reason == NULL)
        check_page(a);
    else if (strcmp(result->reason, "save_not_found") == 0)
        no_button(a);
    else
        apply_stop_group(a, result->reason);
}

/* What was applied only, and is in force, is saved by whoever may do so by now. */
void apply_accounts_hold(struct apply *a) {
    if (!a->unsaved) {
        check_page(a);
        return;
    }
    if (is_closing(a) && a->service.user.len > 0) a->way.account = ACCOUNT_ADMIN;
    if (a->again == APPLY_BACK)
        start_change(a, CHANGE_LOOK, on_looked);
    else
        start_change(a, CHANGE_SAVE, on_saved);
}

/* ---- the form ---- */

static void on_sent(void *user, const struct change_result *result) {
    struct apply *a = user;
    a->result.about = result->setting;
    a->unsaved = result->unsaved;
    if (result->reason == NULL)
        apply_change_accounts(a);
    else
        apply_stop_group(a, result->reason);
}

static void add_pair(struct apply *a, struct str setting, struct str value) {
    ENSURE(a->pair_count < CHANGE_PAIRS_MAX);
    a->pairs[a->pair_count++] = (struct change_pair){setting, value};
}

void apply_send_group(struct apply *a) {
    a->pair_count = 0;
    a->taken[ACCOUNT_LOGIN] = a->taken[ACCOUNT_ADMIN] = false;
    for (size_t i = 0; i < a->group_count; i++) {
        const struct plan_change *change = &a->plan.changes[a->group[i]];
        struct str value = a->items[a->group[i]].value;
        add_pair(a, change->setting, value);
        if (change->confirm.len > 0) add_pair(a, change->confirm, value);
    }
    start_change(a, CHANGE_SEND, on_sent);
}

/* ---- what a run that was cut had only applied ---- */

static void on_rest_saved(void *user, const struct change_result *result) {
    struct apply *a = user;
    a->result.saved = result->reason == NULL;
    apply_note_ended(a, result->reason);
    if (result->reason == NULL)
        apply_rest_is_saved(a);
    else
        apply_finish(a, result->reason);
}

static void on_rest_looked_at(void *user, const struct change_result *result) {
    struct apply *a = user;
    if (result->reason != NULL && strcmp(result->reason, "save_not_found") == 0) {
        apply_rest_is_saved(a);
        return;
    }
    const char *reason = result->reason;
    if (reason == NULL) reason = apply_begin_group(a);
    if (reason == NULL)
        start_change(a, CHANGE_SAVE, on_rest_saved);
    else
        apply_finish(a, reason);
}

static void on_rest_found(void *user, const struct crawl_result *result) {
    struct apply *a = user;
    const struct crawl_want *found = &a->finds[0];
    if (result->reason != NULL) {
        apply_finish(a, result->reason);
    } else if (found->target_len == 0) { /* it could not have been sent, either */
        apply_rest_is_saved(a);
    } else {
        memcpy(a->target, found->target, found->target_len);
        a->target_len = found->target_len;
        start_change(a, CHANGE_LOOK, on_rest_looked_at);
    }
}

/* A setting of the guide that every phone of this profile has; rather one that its page still
 * changes where all others were provisioned. */
static struct str usual_setting(const struct profile *profile) {
    struct str usual = STR_NONE;
    for (size_t i = 0; i < profile->harden_count; i++) {
        const struct harden_rule *rule = &profile->harden[i];
        bool pattern = str_find(rule->setting, '*', 0) < rule->setting.len;
        if (rule->step > HARDEN_STEP_MAX || rule->optional || pattern) continue;
        if (rule->perm == PROVISION_RW) return rule->setting;
        if (usual.len == 0) usual = rule->setting;
    }
    return usual;
}

void apply_save_rest(struct apply *a) {
    struct str setting = usual_setting(a->phone->policy->profile);
    if (a->off || a->request.mode != APPLY_HARDEN || setting.len == 0) {
        apply_rest_is_saved(a);
        return;
    }
    a->group_count = a->pair_count = 0;
    add_pair(a, setting, STR_NONE);
    a->finds[0] = (struct crawl_want){.name = setting};
    a->find_count = 1;
    a->way.account = a->service.user.len > 0 ? ACCOUNT_ADMIN : a->account;
    (void)crawl_start(&a->way, a->finds, 1, on_rest_found, a);
}
