#include "policy/access/inspect.h"

enum rules_body inspect_body(const struct policy *policy, const struct request_view *req) {
    if (req->body == BODY_NONE) return RULES_BODY_NONE;
    if (req->body == BODY_LENGTH && req->content_length > policy->judged_body_bytes) {
        return RULES_BODY_UNREADABLE;
    }
    bool plain = request_header_count(req, STR("Content-Type")) == 1 &&
                 request_header_count(req, STR("Content-Encoding")) == 0;
    struct str type = request_header(req, STR("Content-Type"));
    if (!plain || params_body_kind(type) == PARAMS_BODY_UNKNOWN) return RULES_BODY_UNREADABLE;
    return RULES_BODY_UNSEEN;
}

static bool has_equals(struct str path) {
    for (size_t i = 0; i < path.len; i++) {
        const char c = path.ptr[i];
        if (c == '=' || (c == '%' && str_equal_icase(str_part(path, i, 3), STR("%3d"))))
            return true;
    }
    return false;
}

/* The query begins behind the first '?'. A server that looks for the last one reads what stands
 * behind that; one that looks for "NAME=" finds it in the path. */
static bool add_lookalikes(const struct request_view *req, struct params *params,
                           struct arena *arena) {
    struct str rest = req->query, piece;
    if (has_equals(req->path) && !params_add_loose(params, req->path, false, arena)) return false;
    if (!str_split(&rest, '?', &piece)) return true;
    while (str_split(&rest, '?', &piece)) {
        if (!params_add_loose(params, piece, false, arena)) return false;
    }
    return true;
}

enum params_verdict inspect_parameters(const struct request_view *req, enum rules_body state,
                                       struct str body, struct params *params,
                                       struct arena *arena) {
    enum params_verdict verdict = params_add_urlencoded(params, req->query, arena);
    if (verdict == PARAMS_OK && !add_lookalikes(req, params, arena)) return PARAMS_NO_MEMORY;
    if (verdict != PARAMS_OK || state != RULES_BODY_SEEN) return verdict;
    return params_add_body(params, request_header(req, STR("Content-Type")), body, arena);
}
