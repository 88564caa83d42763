#include "proxy/harden/way.h"

#include <string.h>

enum { QUEUE_MAX = 4 }; /* it is our own queue: one request at a time */

bool way_open(struct way *way, const struct config_phone *cfg, struct way_account login,
              struct way_account service, char *error, size_t error_len) {
    struct config_phone changed = *cfg;
    changed.login = (struct config_account){.user = login.user, .password = login.password};
    changed.admin_login =
        (struct config_account){.user = service.user, .password = service.password};
    changed.login_required = false;
    struct phone *phone = phone_new(&changed, QUEUE_MAX, error, error_len);
    if (phone == NULL) return false;
    /* With no account a phone that asks for one is not tried with an empty name. */
    if (login.user.len == 0 && service.user.len == 0) phone->login = PHONE_LOGIN_NONE;
    way_close(way);
    way->phone = phone;
    way->profile = cfg->policy->profile;
    way->account = ACCOUNT_LOGIN;
    return true;
}

void way_close(struct way *way) {
    if (way->phone == NULL) return;
    atomic_store(&way->phone->retired, true); /* its connections are not kept for anybody */
    phone_conn_close_idle(way->worker, way->phone);
    phone_release(way->phone);
    way->phone = NULL;
}

bool way_is_proven(const struct way *way, enum phone_account_kind account) {
    pthread_mutex_lock(&way->phone->lock);
    bool proven = way->phone->accounts[account].state == LOGIN_PROVEN;
    pthread_mutex_unlock(&way->phone->lock);
    return proven;
}

bool way_took_password(const struct way *way, enum phone_account_kind account,
                       const struct fetch_answer *answer) {
    bool pleased = answer->status > 0 && answer->status < 500 && answer->status != 403;
    return pleased && way_is_proven(way, account);
}

static struct fetch_request request_of(const struct way *way, struct str method,
                                       struct str target) {
    return (struct fetch_request){.method = method,
                                  .target = target,
                                  .background = way->background,
                                  .account = way->account,
                                  .answer_max = WAY_PAGE_MAX,
                                  .profile = way->profile};
}

struct fetch *way_get(const struct way *way, struct str target, fetch_done *done, void *user) {
    struct fetch_request request = request_of(way, STR("GET"), target);
    return fetch_start(way->worker, way->phone, &request, &way->timeouts, done, user);
}

struct fetch *way_post(const struct way *way, struct str target, struct str body, fetch_done *done,
                       void *user) {
    struct fetch_request request = request_of(way, STR("POST"), target);
    request.fields = STR("Content-Type: application/x-www-form-urlencoded\r\n");
    request.body = body;
    request.changes = true;
    return fetch_start(way->worker, way->phone, &request, &way->timeouts, done, user);
}

const char *way_trouble(const struct fetch_answer *answer) {
    if (answer->reason != NULL) return answer->reason;
    if (answer->status == 200) return NULL;
    if (answer->status == 403) return "page_forbidden";
    if (answer->status == 404) return "page_not_found";
    return "page_unexpected_status";
}
