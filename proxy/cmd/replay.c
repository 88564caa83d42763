#include "proxy/cmd/replay.h"

#include <string.h>

#include "policy/base/outbuf.h"

#define PATH_MAX_LEN 511 /* a record's path of 512 octets may have been cut */

static const char *text_of(const json_t *record, const char *key) {
    const char *text = json_string_value(json_object_get(record, key));
    return text != NULL ? text : "";
}

static bool is(const char *text, const char *word) {
    return strcmp(text, word) == 0;
}

/* ---- what the record could stand for ---- */

struct ways {
    bool with_content, without_content; /* a parameter or a body */
    bool query_only;
    enum explain_sender senders[2];
    size_t sender_count;
};

static void read_content(const json_t *record, struct ways *ways) {
    const json_t *keys = json_object_get(record, "query_keys");
    const char *method = text_of(record, "method");
    bool reads = is(method, "GET") || is(method, "HEAD");
    bool body = json_is_true(json_object_get(record, "body"));
    ways->with_content = body || keys != NULL;
    /* "?" alone, or a query whose only names were left out of the record. */
    ways->without_content = !body && json_array_size(keys) == 0;
    ways->query_only = reads && !body && keys != NULL;
}

/* False where the record does not say enough about who made the browser ask. */
static bool read_sender(const json_t *record, struct ways *ways) {
    const char *origin = text_of(record, "origin");
    ways->sender_count = 1;
    if (is(origin, "ours")) {
        ways->senders[0] = EXPLAIN_OWN_PAGE;
    } else if (is(origin, "silent")) {
        ways->senders[0] = EXPLAIN_SCRIPT;
    } else if (is(origin, "navigation") || is(origin, "other_site")) {
        ways->senders[0] = EXPLAIN_CROSS_SITE;
    } else {
        /* It was refused before anybody looked; "null" is none of these. */
        ways->senders[0] = EXPLAIN_OWN_PAGE;
        ways->senders[1] = EXPLAIN_SCRIPT;
        ways->sender_count = 2;
    }
    return origin[0] == '\0' || ways->sender_count == 1;
}

/* ---- the request ---- */

static bool is_unreserved(char c) {
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~' ||
           c == '/';
}

/* A canonical, decoded path as it would be sent. */
static struct str encode_path(struct str path, char *memory, size_t cap) {
    static const char digits[] = "0123456789ABCDEF";
    struct outbuf out;
    outbuf_init(&out, memory, cap);
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        if (is_unreserved((char)c)) {
            outbuf_char(&out, (char)c);
            continue;
        }
        outbuf_char(&out, '%');
        outbuf_char(&out, digits[c >> 4]);
        outbuf_char(&out, digits[c & 15]);
    }
    return out.full ? STR_NONE : outbuf_str(&out);
}

/* The path behind "/phone/ID" where a person without a grant asked by path: it is raw. */
static struct str raw_path(const json_t *record) {
    struct str path = str_of(text_of(record, "path")), id = str_of(text_of(record, "phone_id"));
    const struct str before = STR("/phone/");
    if (!is(text_of(record, "reason"), "unknown_phone")) return path;
    struct str rest = str_part(path, before.len, path.len);
    if (!str_starts_with(path, before) || !str_starts_with(rest, id)) return STR_NONE;
    return str_part(rest, id.len, rest.len);
}

static bool read_request(const json_t *record, char *memory, size_t cap,
                         struct explain_request *request) {
    struct str path = str_of(text_of(record, "path"));
    bool judged = text_of(record, "role")[0] != '\0'; /* then the path is the canonical one */
    /* A record has at most so much of it, and what was no UTF-8 as U+FFFD. */
    if (path.len > PATH_MAX_LEN || strstr(text_of(record, "path"), "\xef\xbf\xbd") != NULL)
        return false;
    *request = (struct explain_request){
        .method = str_of(text_of(record, "method")),
        .phone = str_of(text_of(record, "phone_id")),
        .target = judged ? encode_path(path, memory, cap) : raw_path(record),
        .body_unread = true,
        .restricted = is(text_of(record, "reason"), "phone_restricted"),
    };
    const char *ts = text_of(record, "ts");
    char second[21];
    if (strlen(ts) < 20) return false;
    memcpy(second, ts, 19); /* without the milliseconds */
    memcpy(second + 19, "Z", 2);
    return request->target.len > 0 && request->target.ptr[0] == '/' &&
           explain_when_from(str_of(second), &request->when) &&
           explain_address_from(text_of(record, "src_ip"), &request->address);
}

/* ---- the answer ---- */

/* REPLAY_SAME stands for a decision here. */
static enum replay_verdict ask(struct explain *e, const struct config *config,
                               const struct user *user, const struct explain_request *request,
                               const struct ways *ways, struct replay_answer *answer) {
    if (explain_judge(e, config, user, request) != EXPLAIN_DECIDED) {
        answer->is_allowed = false;
        answer->is_by = e->refusal.reason;
        return REPLAY_SAME;
    }
    const struct decision *d = &e->decision;
    if (d->verdict == DECIDE_NEED_BODY) return REPLAY_UNKNOWN;
    bool may_read = is(d->reason, decide_reason_str(DECIDE_REASON_SCRIPTS_NOT_ALLOWED));
    if (may_read && request->has_body && ways->query_only) return REPLAY_UNKNOWN;
    answer->is_allowed = d->verdict == DECIDE_FORWARD && d->phone != NULL;
    answer->is_by = d->rule != NULL ? d->rule->name.ptr : d->reason;
    return REPLAY_SAME;
}

static void set_content(struct explain_request *request, bool has_body) {
    request->has_body = has_body;
    request->body = has_body ? STR("x") : STR_NONE;
    request->content_type = STR("application/x-www-form-urlencoded");
}

/* Under every way in which it could have been sent; they have to agree. */
static enum replay_verdict ask_all(struct explain *e, const struct config *config,
                                   const struct user *user, struct explain_request *request,
                                   const struct ways *ways, struct replay_answer *answer) {
    bool first = true;
    for (size_t s = 0; s < ways->sender_count; s++) {
        request->sender = ways->senders[s];
        for (int content = 0; content < 2; content++) {
            if (content == 0 ? !ways->without_content : !ways->with_content) continue;
            set_content(request, content == 1);
            struct replay_answer one = *answer;
            if (ask(e, config, user, request, ways, &one) != REPLAY_SAME) return REPLAY_UNKNOWN;
            if (!first && one.is_allowed != answer->is_allowed) return REPLAY_UNKNOWN;
            if (first) *answer = one;
            first = false;
        }
    }
    return answer->is_allowed == answer->was_allowed ? REPLAY_SAME : REPLAY_OTHERWISE;
}

/* Was a phone of the configuration asked for, by somebody who had signed in? */
static bool is_about_a_phone(const json_t *record) {
    const char *reason = text_of(record, "reason");
    if (!is(text_of(record, "event"), "request") || text_of(record, "user")[0] == '\0' ||
        text_of(record, "phone_id")[0] == '\0')
        return false;
    return text_of(record, "role")[0] != '\0' || is(reason, "unknown_phone") ||
           is(reason, "unknown_host");
}

/* Refused for what it carried, before any rule: the record cannot show that again. */
static bool is_refused_for_its_content(const json_t *record) {
    static const char *const reasons[] = {"no_rule",         "rule_denied",  "scripts_not_allowed",
                                          "unknown_phone",   "unknown_host", "other_site",
                                          "phone_restricted"};
    if (!is(text_of(record, "outcome"), "denied")) return false;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (is(text_of(record, "reason"), reasons[i])) return false;
    return true;
}

enum replay_verdict replay_judge(struct explain *e, const struct config *config,
                                 const json_t *record, struct replay_answer *answer) {
    char memory[4 * PATH_MAX_LEN];
    struct explain_request request;
    struct ways ways = {0};
    if (!is_about_a_phone(record)) return REPLAY_NOT_JUDGED;
    const char *rule = text_of(record, "rule_id");
    bool denied = is(text_of(record, "outcome"), "denied");
    *answer = (struct replay_answer){.was_allowed = !denied && rule[0] != '\0',
                                     .was_by = rule[0] != '\0' ? rule : text_of(record, "reason")};
    if (!denied && rule[0] == '\0') return REPLAY_UNKNOWN; /* broken off before it was judged */
    const struct user *user = users_find(config->policy.users, str_of(text_of(record, "user")));
    if (user == NULL) {
        answer->is_by = "unknown_user";
        return denied ? REPLAY_SAME : REPLAY_OTHERWISE;
    }
    if (is_refused_for_its_content(record)) return REPLAY_UNKNOWN;
    read_content(record, &ways);
    if (!read_sender(record, &ways) || !read_request(record, memory, sizeof(memory), &request))
        return REPLAY_UNKNOWN;
    return ask_all(e, config, user, &request, &ways, answer);
}
