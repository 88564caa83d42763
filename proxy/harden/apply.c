#include "proxy/harden/apply.h"

#include <string.h>

#include "proxy/base/log.h"
#include "proxy/harden/apply_parts.h"

/* ---- the end ---- */

static void bury(struct grave *grave) {
    struct apply *a = container_of(grave, struct apply, grave);
    a->request.worker->live--;
    arena_wipe(&a->arena);
    arena_release(&a->arena);
    config_release(a->request.config);
    free(a);
}

static bool changed_any(const struct apply *a) {
    bool any = a->result.restarted || a->result.saved;
    for (size_t i = 0; i < a->plan.count; i++) any |= a->changed[i];
    return any;
}

void apply_finish(struct apply *a, const char *reason) {
    bool changed = changed_any(a);
    a->result.reason = reason;
    a->result.changed = a->changed;
    if (reason != NULL && a->request.mode != APPLY_PLAN)
        apply_note_phone(a, "phone_hardening_stopped", reason);
    else if (changed && a->on_candidate)
        apply_note_phone(a, "phone_password_recovered", NULL);
    if (reason == NULL && changed && a->request.mode != APPLY_RECOVER)
        apply_note_phone(a, "phone_hardened", NULL);
    a->done(a->user, &a->result);
    timed_stop(&a->timed);
    way_close(&a->way);
    worker_bury(a->request.worker, &a->grave);
}

/* ---- the phone afterwards ---- */

static void on_probed_again(void *user, const struct probe_result *probe) {
    struct apply *a = user;
    const char *reason = apply_judge(a, probe, &a->after);
    a->result.after = &a->after;
    apply_finish(a, reason);
}

static void start_probe(struct apply *a, probe_done *done) {
    const struct probe_options options = {.timeouts = a->way.timeouts};
    const struct probe_target target = {a->request.config, a->request.index, a->way.phone};
    (void)probe_start(a->request.worker, &target, &options, done, a);
}

static void judge_again(struct apply *a) {
    start_probe(a, on_probed_again);
}

void apply_rest_is_saved(struct apply *a) {
    if (a->plan.count > 0) {
        judge_again(a);
        return;
    }
    a->after = a->before;
    a->result.after = &a->after;
    apply_finish(a, NULL);
}

/* ---- one form after the other ---- */

static void start_crawl(struct apply *a);
static void next_group(struct apply *a);

/* The group is done: on to the next. */
static void group_is_over(struct apply *a) {
    for (size_t i = 0; i < a->group_count; i++) {
        size_t index = a->group[i];
        a->items[index].over = a->changed[index] = true;
        if (a->plan.changes[index].stage == PLAN_RESTART) a->must_restart = true;
    }
    apply_note_ended(a, NULL);
    next_group(a);
}

void apply_stop_group(struct apply *a, const char *reason) {
    apply_note_ended(a, reason);
    apply_finish(a, reason);
}

/* Accounts that a login has proven; and passwords that none proves: the form that took the rest
 * took them, too. */
static bool is_to_be_kept(const struct apply *a, struct str setting) {
    if (str_equal(setting, STR("http_pass"))) return a->taken[ACCOUNT_LOGIN];
    if (str_equal(setting, STR("service_mode_password"))) return a->taken[ACCOUNT_ADMIN];
    return true;
}

void apply_group_holds(struct apply *a) {
    struct str settings[PLAN_CHANGES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < a->group_count; i++) {
        struct str setting = a->plan.changes[a->group[i]].setting;
        if (is_to_be_kept(a, setting)) settings[count++] = setting;
    }
    if (apply_keep(a, settings, count))
        group_is_over(a);
    else
        apply_stop_group(a, "vault_not_written");
}

/* ---- which form next ---- */

static const struct crawl_want *place_of(const struct apply *a, size_t item) {
    for (size_t i = 0; i < a->find_count; i++)
        if (!a->finds[i].button && a->find_items[i] == item) return &a->finds[i];
    return NULL;
}

static bool same_place(const struct crawl_want *x, const struct crawl_want *y) {
    return x != NULL && y != NULL && x->target_len == y->target_len &&
           memcmp(x->target, y->target, x->target_len) == 0;
}

_Static_assert(CHANGE_PAIRS_MAX >= 2 * PLAN_CHANGES_MAX, "a page's changes go in one form");

/* The first change that is left, and what its page takes along in the same stage. */
static bool make_group(struct apply *a, size_t first) {
    const struct crawl_want *place = place_of(a, first);
    a->group_count = 0;
    a->again = APPLY_ONCE;
    for (size_t i = first; i < a->plan.count; i++) {
        const struct plan_change *change = &a->plan.changes[i];
        if (a->items[i].over || change->stage != a->plan.changes[first].stage) continue;
        if (!same_place(place, place_of(a, i))) continue;
        a->group[a->group_count++] = i;
    }
    if (place == NULL || a->group_count == 0) return false;
    memcpy(a->target, place->target, place->target_len);
    a->target_len = place->target_len;
    return true;
}

/* Back: does it still know the login? One that forgot it would be closed for ever by what follows,
 * and stand open for everybody else. */
static void on_back(void *user, const struct fetch_answer *answer) {
    struct apply *a = user;
    bool known = way_is_proven(&a->way, a->account);
    if (known)
        next_group(a);
    else
        apply_finish(a, answer->reason != NULL ? answer->reason : "forgotten_at_restart");
}

static void on_restarted(void *user, const char *reason) {
    struct apply *a = user;
    char error[256];
    apply_note_phone(a, "phone_restarted", reason);
    if (reason != NULL) {
        apply_finish(a, reason);
        return;
    }
    a->result.restarted = true;
    a->must_restart = false;
    a->find_count = 0; /* pages may have other names now */
    if (a->request.mode == APPLY_WUI_OFF) {
        judge_again(a);
    } else if (way_open(&a->way, a->phone, a->login, a->service, error, sizeof(error))) {
        a->way.account = a->account;
        (void)way_get(&a->way, STR("/"), on_back, a);
    } else {
        apply_finish(a, "phone_unusable");
    }
}

static void restart(struct apply *a) {
    size_t i = 0, name = 0;
    while (i < a->find_count && !(a->finds[i].button && a->finds[i].target_len > 0)) i++;
    ENSURE(i < a->find_count); /* without one nothing was sent: see `missing` */
    const struct crawl_want *found = &a->finds[i];
    while (!str_equal(found->name, str_of(restart_buttons[name]))) name++;
    const struct restart_request request = {restart_buttons[name],
                                            {found->target, found->target_len},
                                            a->request.mode == APPLY_WUI_OFF};
    (void)restart_start(&a->way, &request, on_restarted, a);
}

static size_t first_left(const struct apply *a) {
    size_t i = 0;
    while (i < a->plan.count && a->items[i].over) i++;
    return i;
}

static void next_group(struct apply *a) {
    size_t first = first_left(a);
    bool left = first < a->plan.count;
    if (a->must_restart && (!left || a->plan.changes[first].stage > PLAN_RESTART)) {
        restart(a);
    } else if (!left && !changed_any(a)) {
        apply_save_rest(a);
    } else if (!left) {
        judge_again(a);
    } else if (a->find_count == 0) {
        start_crawl(a);
    } else if (!make_group(a, first)) {
        apply_finish(a, "form_not_found");
    } else {
        const char *reason = apply_begin_group(a);
        if (reason == NULL)
            apply_send_group(a);
        else
            apply_finish(a, reason);
    }
}

/* ---- where the forms are ---- */

/* Half a login would close the phone to everybody, or leave it open: a name and its password go in
 * one form, or nothing goes. A confirmation and what it confirms: see `missing`. */
static const char *const couples[][2] = {{"http_user", "http_pass"},
                                         {"service_mode_login", "service_mode_password"}};

static bool is_split(const struct apply *a, const char *const couple[2]) {
    const struct plan_change *x = plan_find(&a->plan, str_of(couple[0])),
                             *y = plan_find(&a->plan, str_of(couple[1]));
    if (x == NULL || y == NULL) return false;
    size_t i = (size_t)(x - a->plan.changes), k = (size_t)(y - a->plan.changes);
    if (a->items[i].over || a->items[k].over) return a->items[i].over != a->items[k].over;
    return x->stage != y->stage || !same_place(place_of(a, i), place_of(a, k));
}

/* What was not found: NULL where it is none that matters. */
static const char *missing(struct apply *a, const struct crawl_result *result) {
    bool button_wanted = false, button_found = false;
    for (size_t i = 0; i < a->find_count; i++) {
        const struct crawl_want *find = &a->finds[i];
        button_wanted |= find->button;
        button_found |= find->button && find->target_len > 0;
        a->result.about = find->name;
        if (find->button) continue;
        if (find->target_len > 0 && !same_place(find, place_of(a, a->find_items[i])))
            return "form_split"; /* a confirmation that is not with what it confirms */
        if (find->target_len > 0) continue;
        if (result->forbidden > 0) return "service_account_needed";
        if (!a->plan.changes[a->find_items[i]].optional) return form_verdict_str(find->verdict);
        a->items[a->find_items[i]].over = true; /* this phone has no such setting */
    }
    for (size_t i = 0; i < ARRAY_LEN(couples); i++) {
        a->result.about = str_of(couples[i][1]);
        if (is_split(a, couples[i])) return "form_split";
    }
    a->result.about = STR_NONE;
    return button_wanted && !button_found ? "restart_not_found" : NULL;
}

static void on_crawled(void *user, const struct crawl_result *result) {
    struct apply *a = user;
    const char *reason = result->reason != NULL ? result->reason : missing(a, result);
    bool forbidden = reason != NULL && strcmp(reason, "service_account_needed") == 0;
    if (forbidden && a->account == ACCOUNT_LOGIN && a->service.user.len > 0) {
        a->way.account = a->account = ACCOUNT_ADMIN;
        start_crawl(a);
        return;
    }
    if (reason == NULL && !a->ready) reason = apply_prepare(a);
    if (reason != NULL)
        apply_finish(a, reason);
    else
        next_group(a);
}

static void find(struct apply *a, size_t item, struct str name) {
    a->find_items[a->find_count] = item;
    a->finds[a->find_count++] = (struct crawl_want){.name = name};
}

static void start_crawl(struct apply *a) {
    bool restarts = false;
    a->find_count = 0;
    for (size_t i = 0; i < a->plan.count; i++) {
        if (a->items[i].over) continue;
        find(a, i, a->plan.changes[i].setting);
        if (a->plan.changes[i].confirm.len > 0) find(a, i, a->plan.changes[i].confirm);
        restarts |= a->plan.changes[i].stage == PLAN_RESTART;
    }
    for (size_t i = 0; restarts && restart_buttons[i] != NULL; i++)
        a->finds[a->find_count++] =
            (struct crawl_want){.name = str_of(restart_buttons[i]), .button = true, .any = true};
    (void)crawl_start(&a->way, a->finds, a->find_count, on_crawled, a);
}

/* ---- the phone before ---- */

static void on_probed(void *user, const struct probe_result *probe) {
    struct apply *a = user;
    const char *reason = apply_judge(a, probe, &a->before);
    a->result.before = &a->before;
    if (reason == NULL) reason = apply_make_plan(a, probe);
    if (reason == NULL) a->result.plan = &a->plan;
    if (reason != NULL || a->request.mode == APPLY_PLAN) {
        apply_finish(a, reason);
    } else if (a->plan.count == 0) {
        apply_save_rest(a);
    } else {
        start_crawl(a);
    }
}

/* A phone whose web interface is to be off does not answer, as it should. */
static bool may_be_off(const struct apply *a, const struct recover_result *result) {
    return !a->phone->wui && (strcmp(result->reason, "phone_refused") == 0 ||
                              strcmp(result->reason, "phone_closed") == 0 ||
                              strcmp(result->reason, "phone_unreachable") == 0);
}

static void on_recovered(void *user, const struct recover_result *result) {
    struct apply *a = user;
    char error[256];
    if (result->state == RECOVER_FAILED && !may_be_off(a, result)) {
        apply_finish(a, result->reason);
        return;
    }
    a->open = result->state == RECOVER_OPEN;
    a->login = result->login;
    a->service = result->service;
    a->on_candidate = result->on_candidate[ACCOUNT_LOGIN] || result->on_candidate[ACCOUNT_ADMIN];
    if (a->request.mode == APPLY_RECOVER && !a->on_candidate) {
        apply_finish(a, a->open ? "asks_for_no_login" : NULL);
        return;
    }
    if (way_open(&a->way, a->phone, a->login, a->service, error, sizeof(error))) {
        start_probe(a, on_probed);
        return;
    }
    log_event(LOG_ERROR, "phone.unusable", "phone=" STR_FMT " %s", STR_ARG(a->phone->policy->id),
              error);
    apply_finish(a, "phone_unusable");
}

static const char *unfit(const struct apply *a) {
    const struct config_phone *phone = a->phone;
    bool proven = phone->verify == PHONE_VERIFY_CA ||
                  (phone->verify == PHONE_VERIFY_PIN && phone->pin_count > 0);
    if (!phone->tls || !proven) return "not_pinned";
    if (phone->policy->profile->harden_count == 0) return "profile_without_hardening";
    if (phone->policy->profile->login != PHONE_LOGIN_DIGEST) return "profile_without_digest";
    return phone->login.user.len == 0 ? "no_login_configured" : NULL;
}

static void on_begin(struct timed *timed) {
    struct apply *a = container_of(timed, struct apply, timed);
    const char *reason = unfit(a);
    timed->deadline_ms = 0;
    if (reason != NULL) {
        apply_finish(a, reason);
        return;
    }
    const struct recover_request request = {.worker = a->request.worker,
                                            .config = a->request.config,
                                            .index = a->request.index,
                                            .vault = a->request.vault,
                                            .service = true};
    (void)recover_start(&request, on_recovered, a);
}

struct apply *apply_start(const struct apply_request *request, apply_done *done, void *user) {
    struct apply *a = calloc(1, sizeof(*a));
    ENSURE(a != NULL);
    a->grave.bury = bury;
    a->request = *request;
    a->request.config = config_hold(request->config);
    a->phone = &request->config->phones[request->index];
    a->secrets = (struct secrets){a->phone, request->vault};
    a->way = (struct way){.worker = request->worker,
                          .timeouts = fetch_timeouts(&request->config->limits)};
    a->done = done;
    a->user = user;
    arena_init(&a->arena, DUMP_ARENA);
    request->worker->live++;
    timed_start(request->worker, &a->timed, on_begin);
    a->timed.deadline_ms = worker_now(request->worker);
    return a;
}
