#include "proxy/harden/recover.h"

#include <string.h>

#include "proxy/base/log.h"

/* What is tried, in this order. */
enum turn { LOGIN_CURRENT, LOGIN_CANDIDATE, SERVICE_CURRENT, SERVICE_CANDIDATE, TURNS };

struct recover {
    struct timed timed;
    struct grave grave;
    struct recover_request request;
    struct secrets secrets;
    struct way way;
    recover_done *done;
    void *user;
    struct fetch *fetch;
    enum turn turn;
    unsigned silent;
    struct recover_result result;
};

static void bury(struct grave *grave) {
    struct recover *r = container_of(grave, struct recover, grave);
    r->request.worker->live--;
    config_release(r->request.config);
    free(r);
}

static void end(struct recover *r) {
    timed_stop(&r->timed);
    way_close(&r->way);
    worker_bury(r->request.worker, &r->grave);
}

static bool is_service(enum turn turn) {
    return turn == SERVICE_CURRENT || turn == SERVICE_CANDIDATE;
}

static enum vault_which which_of(enum turn turn) {
    return turn == LOGIN_CURRENT || turn == SERVICE_CURRENT ? VAULT_CURRENT : VAULT_CANDIDATE;
}

static struct way_account account_of(const struct recover *r, enum turn turn) {
    return is_service(turn) ? secrets_service(&r->secrets, which_of(turn))
                            : secrets_login(&r->secrets, which_of(turn));
}

static void finish(struct recover *r, enum recover_state state, const char *reason) {
    r->result.state = state;
    r->result.reason = reason;
    r->done(r->user, &r->result);
    end(r);
}

static void try_turn(struct recover *r);

static void pause_before(struct recover *r, enum turn turn) {
    r->turn = turn;
    r->timed.deadline_ms = worker_now(r->request.worker) + RECOVER_PAUSE_MS;
}

static bool is_wanted(const struct recover *r, enum turn turn) {
    if (account_of(r, turn).user.len == 0) return false;
    if (!is_service(turn)) return true;
    return r->request.service ||
           secrets_has(&r->secrets, STR("service_mode_password"), VAULT_CANDIDATE);
}

/* On to what is next to be tried, or the end. `rejected`: the last one was. */
static void next(struct recover *r, bool rejected) {
    bool was_service = is_service(r->turn);
    enum turn turn = r->turn + 1;
    if (!rejected && r->turn == LOGIN_CURRENT) turn = SERVICE_CURRENT;
    if (!rejected && r->turn == SERVICE_CURRENT) turn = TURNS;
    while (turn < TURNS && !is_wanted(r, turn)) turn++;
    bool login_is_over = was_service || is_service(turn) || turn == TURNS;
    if (rejected && !was_service && login_is_over) {
        finish(r, RECOVER_FAILED, "credentials_rejected");
        return;
    }
    if (turn == TURNS) {
        finish(r, RECOVER_KNOWN, NULL);
        return;
    }
    if (rejected) {
        pause_before(r, turn);
        return;
    }
    r->turn = turn;
    try_turn(r);
}

static void taken(struct recover *r) {
    bool service = is_service(r->turn);
    if (service)
        r->result.service = account_of(r, r->turn);
    else
        r->result.login = account_of(r, r->turn);
    r->result.on_candidate[service ? ACCOUNT_ADMIN : ACCOUNT_LOGIN] =
        which_of(r->turn) == VAULT_CANDIDATE;
    next(r, false);
}

static const char *name_of(const struct recover *r, const struct fetch_answer *answer) {
    bool known = account_of(r, r->turn).user.len > 0;
    if (answer->reason == NULL) return answer->status == 403 ? "locked_out" : "page_not_found";
    if (strcmp(answer->reason, "phone_locked") == 0) return "locked_out";
    if (strcmp(answer->reason, "phone_not_hardened") == 0) return "basic_only";
    /* It asks for a login, and there is none to give (way_open), or none that it would take. */
    if (strcmp(answer->reason, "phone_challenge_unsupported") == 0)
        return known ? "login_unknown" : "no_password_known";
    return answer->reason;
}

static bool is_silence(const struct fetch_answer *answer) {
    static const char *const names[] = {"phone_refused", "phone_closed", "phone_reset",
                                        "phone_unreachable", "phone_tls_failed"};
    for (size_t i = 0; answer->reason != NULL && i < ARRAY_LEN(names); i++)
        if (strcmp(answer->reason, names[i]) == 0) return true;
    return false;
}

static void on_answer(void *user, const struct fetch_answer *answer) {
    struct recover *r = user;
    r->fetch = NULL;
    bool rejected =
        answer->reason != NULL && strcmp(answer->reason, "phone_credentials_rejected") == 0;
    if (way_took_password(&r->way, r->way.account, answer)) {
        taken(r);
    } else if (rejected) {
        next(r, true);
    } else if (answer->reason == NULL && answer->status < 400 && !is_service(r->turn)) {
        finish(r, RECOVER_OPEN, NULL);
    } else if (is_silence(answer) && ++r->silent < RECOVER_SILENT) {
        pause_before(r, r->turn);
    } else {
        finish(r, RECOVER_FAILED, name_of(r, answer));
    }
}

static void try_turn(struct recover *r) {
    char error[256];
    const struct config_phone *cfg = &r->request.config->phones[r->request.index];
    struct way_account account = account_of(r, r->turn), none = {STR_NONE, STR_NONE};
    bool service = is_service(r->turn);
    if (!way_open(&r->way, cfg, service ? none : account, service ? account : none, error,
                  sizeof(error))) {
        log_event(LOG_ERROR, "phone.unusable", "phone=" STR_FMT " %s", STR_ARG(cfg->policy->id),
                  error);
        finish(r, RECOVER_FAILED, "phone_unusable");
        return;
    }
    r->way.account = service ? ACCOUNT_ADMIN : ACCOUNT_LOGIN;
    r->fetch = way_get(&r->way, STR("/"), on_answer, r);
}

static void on_time(struct timed *timed) {
    struct recover *r = container_of(timed, struct recover, timed);
    timed->deadline_ms = 0;
    try_turn(r);
}

struct recover *recover_start(const struct recover_request *request, recover_done *done,
                              void *user) {
    struct recover *r = calloc(1, sizeof(*r));
    ENSURE(r != NULL);
    r->grave.bury = bury;
    r->request = *request;
    r->request.config = config_hold(request->config);
    r->secrets = (struct secrets){&request->config->phones[request->index], request->vault};
    r->way = (struct way){.worker = request->worker,
                          .timeouts = fetch_timeouts(&request->config->limits),
                          .background = request->background};
    r->done = done;
    r->user = user;
    request->worker->live++;
    timed_start(request->worker, &r->timed, on_time);
    /* Without any password the phone may still ask for none. */
    r->turn = LOGIN_CURRENT;
    if (account_of(r, LOGIN_CURRENT).user.len == 0 && account_of(r, LOGIN_CANDIDATE).user.len > 0)
        r->turn = LOGIN_CANDIDATE;
    r->timed.deadline_ms = worker_now(request->worker); /* at the next tick */
    return r;
}

void recover_cancel(struct recover *r) {
    if (r->fetch != NULL) fetch_cancel(r->fetch);
    end(r);
}
