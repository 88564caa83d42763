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

enum params_verdict inspect_parameters(const struct request_view *req, enum rules_body state,
                                       struct str body, struct params *params,
                                       struct arena *arena) {
    enum params_verdict verdict = params_add_urlencoded(params, req->query, arena);
    if (verdict != PARAMS_OK || state != RULES_BODY_SEEN) return verdict;
    return params_add_body(params, request_header(req, STR("Content-Type")), body, arena);
}
