#include "proxy/harden/held_news.h"

#include "proxy/base/log.h"
#include "proxy/record/event.h"

struct story {
    const char *event, *outcome, *reason, *log_name;
    bool good;
};

static void tell(struct access_log *log, const struct config_phone *phone,
                 const struct story *story, const struct event_field *more, size_t count) {
    const struct event event = {
        .event = story->event,
        .outcome = story->outcome,
        .reason = story->reason,
        .phone = phone->policy->id,
        .more = more,
        .more_count = count,
    };
    event_write(log, &event);
    log_event(story->good ? LOG_INFO : LOG_WARNING, story->log_name, "phone=" STR_FMT " reason=%s",
              STR_ARG(phone->policy->id), story->reason);
}

static const struct config_phone *phone_of(const struct held_check *check) {
    return &check->site->config->phones[check->index];
}

static void tell_step(struct access_log *log, const struct held_check *check, unsigned step,
                      bool lost) {
    static const char *const reasons[HARDEN_STEPS] = {"",       "step_1", "step_2",
                                                      "step_3", "step_4", "beyond"};
    const struct story story = {
        .event = lost ? "phone_drifted" : "phone_mended",
        .outcome = lost ? "failed" : "allowed",
        .reason = reasons[step],
        .log_name = lost ? "phone.drifted" : "phone.mended",
        .good = !lost,
    };
    const struct event_field more[] = {
        {"step", str_of(harden_step_str(step))},
        {"failing", str_of(check->failing[step])},
        {"phone_addr", phone_of(check)->authority},
        {"policy_version", check->site->config->digest_of_file},
    };
    tell(log, phone_of(check), &story, more, ARRAY_LEN(more));
}

void held_news_drift(struct access_log *log, const struct held_check *check,
                     const struct drift_news *news) {
    static const struct story stays = {"phone_admin_mode_stays", "failed", "admin_mode",
                                       "phone.admin_mode_stays", false};
    static const struct story over = {"phone_admin_mode_over", "allowed", "admin_mode",
                                      "phone.admin_mode_over", true};
    const struct event_field more[] = {{"phone_addr", phone_of(check)->authority}};
    if (news->stays) tell(log, phone_of(check), &stays, more, ARRAY_LEN(more));
    if (news->stays_no_more) tell(log, phone_of(check), &over, more, ARRAY_LEN(more));
    for (unsigned step = 1; step < HARDEN_STEPS; step++)
        if (news->lost[step] || news->mended[step]) tell_step(log, check, step, news->lost[step]);
}

void held_news_trouble(struct access_log *log, const struct held_check *check, const char *before,
                       const char *now) {
    if (str_equal(str_of(before), str_of(now))) return;
    bool good = now[0] == '\0';
    const struct story story = {
        .event = good ? "phone_check_complete" : "phone_check_incomplete",
        .outcome = good ? "allowed" : "failed",
        .reason = good ? "ok" : now,
        .log_name = good ? "phone.check_complete" : "phone.check_incomplete",
        .good = good,
    };
    const struct event_field more[] = {{"phone_addr", phone_of(check)->authority},
                                       {"before", str_of(before)}};
    tell(log, phone_of(check), &story, more, ARRAY_LEN(more));
}

void held_news_restriction(struct access_log *log, const struct config_phone *phone,
                           bool restricted, const char *reason) {
    const struct story story = {
        .event = restricted ? "phone_restricted" : "phone_unrestricted",
        .outcome = restricted ? "denied" : "allowed",
        .reason = reason,
        .log_name = restricted ? "phone.restricted" : "phone.unrestricted",
        .good = !restricted,
    };
    tell(log, phone, &story, NULL, 0);
}
