/* After a form that held an account: is the new one taken? */
#include "proxy/base/log.h"
#include "proxy/harden/apply_parts.h"

/* What was only applied is gone when the phone loses its power, and then it has the old password
 * again: nobody forgets that one before the new one is saved (apply_group_holds). */
static bool keep_now(struct apply *a, struct str setting) {
    return a->unsaved || apply_keep(a, &setting, 1);
}

static void on_service_tried(void *user, const struct fetch_answer *answer) {
    struct apply *a = user;
    const struct str setting = STR("service_mode_password");
    if (way_took_password(&a->way, ACCOUNT_ADMIN, answer)) {
        a->service = apply_new_service(a);
        a->taken[ACCOUNT_ADMIN] = true;
        if (!keep_now(a, setting)) {
            apply_stop_group(a, "vault_not_written");
            return;
        }
    } else {
        apply_stop_group(a, "new_password_not_taken");
        return;
    }
    a->way.account = a->account;
    apply_accounts_hold(a);
}

static void try_service(struct apply *a) {
    if (!apply_group_has(a, STR("service_mode_password")) &&
        !apply_group_has(a, STR("service_mode_login"))) {
        a->way.account = a->account;
        apply_accounts_hold(a);
        return;
    }
    a->way.account = ACCOUNT_ADMIN;
    (void)way_get(&a->way, STR("/"), on_service_tried, a);
}

static void on_login_tried(void *user, const struct fetch_answer *answer) {
    struct apply *a = user;
    const struct str setting = STR("http_pass");
    if (!way_took_password(&a->way, ACCOUNT_LOGIN, answer)) {
        apply_stop_group(a, "new_password_not_taken");
        return;
    }
    a->login = apply_new_login(a);
    a->open = false;
    a->taken[ACCOUNT_LOGIN] = true;
    if (keep_now(a, setting))
        try_service(a);
    else
        apply_stop_group(a, "vault_not_written");
}

/* The phone may have new accounts now: go on with them, from a connection of their own. */
void apply_change_accounts(struct apply *a) {
    char error[256];
    bool login = apply_group_has(a, STR("http_pass")) || apply_group_has(a, STR("http_user"));
    bool service = apply_group_has(a, STR("service_mode_password")) ||
                   apply_group_has(a, STR("service_mode_login"));
    if (!login && !service) {
        apply_accounts_hold(a);
        return;
    }
    if (!way_open(&a->way, a->phone, apply_new_login(a), apply_new_service(a), error,
                  sizeof(error))) {
        log_event(LOG_ERROR, "phone.unusable", "phone=" STR_FMT " %s",
                  STR_ARG(a->phone->policy->id), error);
        apply_stop_group(a, "phone_unusable");
        return;
    }
    if (!login) {
        try_service(a);
        return;
    }
    a->way.account = ACCOUNT_LOGIN;
    (void)way_get(&a->way, STR("/"), on_login_tried, a);
}
