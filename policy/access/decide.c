/* The order is the decision: authenticate, OPTIONS of our own, target, route, grant, is the phone
 * restricted, whose page asked, rules. Every way out that is not the last line of judge() refuses,
 * redirects, or answers ourselves. */
#include "policy/access/decide.h"

#include "policy/access/inspect.h"
#include "policy/access/route.h"
#include "policy/access/rules.h"
#include "policy/access/urlpath.h"

static void conclude(struct decision *d, enum decide_verdict verdict, enum decide_reason reason) {
    d->verdict = verdict;
    d->status = decide_reason_status(reason);
    d->reason = decide_reason_str(reason);
}

static void refuse(struct decision *d, enum decide_reason reason) {
    conclude(d, DECIDE_DENY, reason);
}

/* ---- who ---- */

static bool authenticate(const struct decide_ctx *ctx, const struct request_view *req,
                         struct decision *d) {
    if (ctx->assume_user != NULL) {
        d->user = ctx->assume_user;
        return true;
    }
    struct authn_ctx authn = {
        .users = ctx->policy->users,
        .digest = &ctx->policy->digest,
        .nonces = ctx->nonces,
        .hasher = ctx->hasher,
        .now_ms = ctx->now_ms,
        .guard = ctx->guard,
    };
    authn.guard.settings = &ctx->policy->signing_in;
    authn_check(&authn, req, &d->authn);
    d->reason = authn_reason_str(d->authn.reason);
    switch (d->authn.verdict) {
    case AUTHN_OK:
        d->user = d->authn.user;
        return d->user != NULL;
    case AUTHN_CHALLENGE:
    case AUTHN_STALE:
        d->verdict = DECIDE_CHALLENGE;
        d->status = 401;
        return false;
    case AUTHN_LOCKED:
        d->status = 429;
        return false;
    case AUTHN_BAD:
        d->status = 400;
        return false;
    }
    return false;
}

/* OPTIONS that is for the gate and not for a phone (RFC 9110 9.3.7, 7.6.2). */
static bool is_own_options(const struct request_view *req) {
    if (req->method != METHOD_OPTIONS) return false;
    uint64_t hops;
    return str_equal(req->path, STR("*")) ||
           (str_to_u64(request_header(req, STR("Max-Forwards")), UINT64_MAX, &hops) && hops == 0);
}

/* ---- what is asked for ---- */

/* One spelling for the target, or none; the same answer whatever stands behind the host. */
static bool canonicalise(const struct decide_ctx *ctx, const struct request_view *req,
                         struct urlpath *path, struct decision *d) {
    switch (urlpath_canonical(req->path, ctx->arena, path)) {
    case URLPATH_OK:
        if (urlpath_query_is_clean(req->query)) return true;
        refuse(d, DECIDE_REASON_TARGET_BAD_OCTET);
        return false;
    case URLPATH_NO_SLASH:
        refuse(d, DECIDE_REASON_PATH_NO_SLASH);
        return false;
    case URLPATH_BAD_ESCAPE:
        refuse(d, DECIDE_REASON_PATH_BAD_ESCAPE);
        return false;
    case URLPATH_AMBIGUOUS:
        refuse(d, DECIDE_REASON_PATH_AMBIGUOUS);
        return false;
    case URLPATH_NO_MEMORY:
        refuse(d, DECIDE_REASON_NO_MEMORY);
        return false;
    }
    return false;
}

static void redirect(struct decision *d, enum decide_reason reason, struct str location) {
    if (location.ptr == NULL) {
        refuse(d, DECIDE_REASON_NO_MEMORY);
        return;
    }
    d->location = location;
    conclude(d, DECIDE_REDIRECT, reason);
}

static bool is_read(const struct request_view *req) {
    return req->method == METHOD_GET || req->method == METHOD_HEAD;
}

/* ---- whose page asked ---- */

static bool is_forged(const struct decide_ctx *ctx, const struct request_view *req,
                      struct decision *d) {
    struct origin_place place = {.shared = d->route != ROUTE_HOST};
    if (d->route == ROUTE_PATH) place.phone = d->phone->id;
    origin_check(req, &place, ctx->arena, &d->origin);
    return !origin_may_ask(&d->origin);
}

/* ---- may they ---- */

struct body {
    enum rules_body state;
    struct str text; /* with RULES_BODY_SEEN */
};

/* The parameters of query and, once seen, body. False: refused. */
static bool collect(const struct decide_ctx *ctx, const struct request_view *req, struct str body,
                    struct rules_question *question, struct params *params, struct decision *d) {
    bool apart = question->body == RULES_BODY_SEEN && ctx->bodies != NULL;
    struct arena *arena = apart ? ctx->bodies : ctx->arena;
    switch (inspect_parameters(req, question->body, body, params, arena)) {
    case PARAMS_OK:
        return true;
    case PARAMS_UNKNOWN_BODY:
        question->body = RULES_BODY_UNREADABLE;
        return true;
    case PARAMS_BAD_ESCAPE:
        refuse(d, DECIDE_REASON_PARAMETER_BAD_ESCAPE);
        return false;
    case PARAMS_AMBIGUOUS:
        refuse(d, DECIDE_REASON_PARAMETER_AMBIGUOUS);
        return false;
    case PARAMS_NO_MEMORY:
        refuse(d, DECIDE_REASON_NO_MEMORY);
        return false;
    }
    return false;
}

/* Whatever is not known to be harmless: a phone changes its state on GET, too. */
static bool can_change(const struct request_view *req, const struct rule *rule) {
    if (!is_read(req) || req->body != BODY_NONE) return true;
    if (req->query.len == 0) return false;
    return rule == NULL || rule->params != RULE_PARAMS_LISTED || rule_can_change(rule);
}

/* A client that says nothing of the page it asks for is a program, or a browser too old to tell:
 * then any page may have sent it. */
static bool scripts_may(const struct request_view *req, struct decision *d) {
    if (d->origin.verdict != ORIGIN_SILENT || d->grant->scripts) return true;
    if (!can_change(req, d->rule)) return true;
    d->detail = STR("This program or browser did not say which page it asks for, so it may read "
                    "but change nothing. Use a current browser, or have the grant say that "
                    "scripts may.");
    d->rule = NULL; /* it would allow */
    refuse(d, DECIDE_REASON_SCRIPTS_NOT_ALLOWED);
    return false;
}

static void refuse_by_rule(struct decision *d, enum rules_verdict verdict) {
    if (d->rule == NULL) {
        refuse(d, DECIDE_REASON_NO_RULE);
    } else if (verdict == RULES_DENY_UNREAD) {
        d->detail = STR("What you send here has to be looked into, but it is too long for that or "
                        "of a kind that cannot be read.");
        refuse(d, DECIDE_REASON_BODY_NOT_JUDGED);
    } else {
        d->detail = d->rule->reason;
        refuse(d, DECIDE_REASON_RULE_DENIED);
    }
}

/* What the record says of a request that goes through. False: no memory for it, so it does not. */
static bool note_changes(const struct decide_ctx *ctx, const struct rules_question *question,
                         struct decision *d) {
    const struct profile *profile = d->phone->profile;
    if (!changes_find(profile, d->rule, question, ctx->arena, &d->changes)) return false;
    if (question->lifted_count == 0) return true;
    struct rules_question strict = *question;
    const struct rule *rule;
    strict.lifted_count = 0;
    enum rules_verdict verdict = rules_judge(profile, &strict, &rule);
    bool refused = verdict == RULES_DENY || verdict == RULES_DENY_UNREAD;
    if (refused && rule != NULL) d->exception = rule->class;
    return true;
}

/* The only place that forwards. d->phone, grant, role, path and target stand. */
static void judge(const struct decide_ctx *ctx, const struct request_view *req, struct body body,
                  struct decision *d) {
    struct params params = {0};
    struct rules_question question = {
        .role = d->role,
        .method = req->method,
        .path = d->path.decoded,
        .params = &params,
        .body = body.state,
        .lifted = d->grant->allow,
        .lifted_count = d->grant->allow_count,
    };
    if (!collect(ctx, req, body.text, &question, &params, d)) return;
    d->has_parameters = params.count > 0;
    if (ctx->trace != NULL) *ctx->trace = (struct decide_trace){true, params, question};
    enum rules_verdict verdict = rules_judge(d->phone->profile, &question, &d->rule);
    switch (verdict) {
    case RULES_DENY:
    case RULES_DENY_UNREAD:
        refuse_by_rule(d, verdict);
        return;
    case RULES_NEED_BODY:
        if (!scripts_may(req, d)) return;
        conclude(d, DECIDE_NEED_BODY, DECIDE_REASON_BODY_NEEDED);
        return;
    case RULES_ALLOW:
        if (!scripts_may(req, d)) return;
        if (note_changes(ctx, &question, d))
            conclude(d, DECIDE_FORWARD, DECIDE_REASON_OK);
        else
            refuse(d, DECIDE_REASON_NO_MEMORY);
        return;
    }
}

/* The gate has seen that the phone is hardened no longer. */
static bool is_restricted(const struct decide_ctx *ctx, const struct decision *d) {
    if (ctx->restricted == NULL || str_equal(d->role, STR("admin"))) return false;
    return atomic_load_explicit(&ctx->restricted[d->phone->index], memory_order_relaxed);
}

static void authorise(const struct decide_ctx *ctx, const struct request_view *req,
                      struct urlpath path, struct decision *d) {
    d->role = d->grant->role;
    d->admin_account = d->grant->admin_login || str_equal(d->role, STR("admin"));
    d->path.decoded = path.decoded;
    d->path.encoded = path.encoded;
    d->target = urlpath_target(ctx->arena, STR_NONE, path.encoded, req->query);
    if (d->target.ptr == NULL) {
        refuse(d, DECIDE_REASON_NO_MEMORY);
        return;
    }
    if (is_restricted(ctx, d)) {
        d->detail = STR("This phone has lost a part of its protection. Until that is mended, only "
                        "administrators may use it.");
        refuse(d, DECIDE_REASON_PHONE_RESTRICTED);
        return;
    }
    if (is_forged(ctx, req, d)) {
        d->detail = STR("A page of another site, or of another phone, made your browser send "
                        "this. Its links may open a page here, but only the phone's own pages may "
                        "do more.");
        refuse(d, DECIDE_REASON_OTHER_SITE);
        return;
    }
    judge(ctx, req, (struct body){inspect_body(ctx->policy, req), STR_NONE}, d);
}

/* ---- which phone ---- */

/* Only here does a phone become visible in the decision. */
static bool enter_phone(const struct decide_ctx *ctx, const struct policy_phone *phone,
                        struct decision *d) {
    d->asked_phone = phone;
    if (phone == NULL) return false;
    d->grant = decide_grant(ctx, d->user, phone, &d->missed);
    if (d->grant == NULL) return false;
    d->phone = phone;
    return true;
}

static void decide_by_path(const struct decide_ctx *ctx, const struct request_view *req,
                           struct urlpath path, struct str id, struct decision *d) {
    if (!enter_phone(ctx, route_by_id(ctx->policy->routes, id), d)) {
        refuse(d, DECIDE_REASON_UNKNOWN_PHONE);
        return;
    }
    /* A phone's id holds nothing that is ever escaped: both forms have the same prefix. */
    size_t cut = STR("/phone/").len + id.len;
    d->route = ROUTE_PATH;
    d->prefix = str_part(path.encoded, 0, cut);
    struct urlpath inner = {str_part(path.decoded, cut, path.decoded.len),
                            str_part(path.encoded, cut, path.encoded.len)};
    if (inner.decoded.len > 0) {
        authorise(ctx, req, inner, d);
    } else if (is_read(req)) {
        redirect(d, DECIDE_REASON_REDIRECT_SLASH,
                 urlpath_target(ctx->arena, d->prefix, STR("/"), req->query));
    } else {
        refuse(d, DECIDE_REASON_METHOD_NOT_ALLOWED);
    }
}

/* A page of a phone under /phone/ID/ may link to "/x": the browser then asks the portal. Send it to
 * where the page meant, to be judged there. */
static bool redirect_by_referer(const struct decide_ctx *ctx, const struct request_view *req,
                                struct urlpath path, struct decision *d) {
    struct str id;
    if (!is_read(req) || !route_referer_id(req, ctx->arena, &id)) return false;
    const struct policy_phone *phone = route_by_id(ctx->policy->routes, id);
    if (phone == NULL || decide_grant(ctx, d->user, phone, NULL) == NULL) return false;
    /* The canonical path has no second slash in front, so this never leaves the portal. */
    struct str prefix = urlpath_target(ctx->arena, STR("/phone/"), phone->id, STR_NONE);
    if (prefix.ptr == NULL) {
        refuse(d, DECIDE_REASON_NO_MEMORY);
        return true;
    }
    redirect(d, DECIDE_REASON_REDIRECT_REFERER,
             urlpath_target(ctx->arena, prefix, path.encoded, req->query));
    return true;
}

/* ---- the portal's own pages ---- */

static void portal_page(const struct request_view *req, enum portal_page page, struct decision *d) {
    if (is_read(req)) {
        d->page = page;
        conclude(d, DECIDE_PORTAL, DECIDE_REASON_PORTAL);
    } else {
        refuse(d, DECIDE_REASON_METHOD_NOT_ALLOWED);
    }
}

static void sign_out_page(const struct decide_ctx *ctx, const struct request_view *req,
                          struct decision *d) {
    if (req->method != METHOD_POST)
        portal_page(req, PORTAL_SIGN_OUT, d);
    else if (is_forged(ctx, req, d))
        refuse(d, DECIDE_REASON_OTHER_SITE);
    else
        conclude(d, DECIDE_SIGN_OUT, DECIDE_REASON_SIGN_OUT);
}

static void decide_on_portal(const struct decide_ctx *ctx, const struct request_view *req,
                             struct urlpath path, struct decision *d) {
    struct str id, rest;
    d->route = ROUTE_PORTAL;
    if (route_split(path.decoded, &id, &rest)) {
        decide_by_path(ctx, req, path, id, d);
    } else if (redirect_by_referer(ctx, req, path, d)) {
        return;
    } else if (str_equal(path.decoded, STR("/signout"))) {
        sign_out_page(ctx, req, d);
    } else if (str_equal(path.decoded, STR("/whoami"))) {
        portal_page(req, PORTAL_WHOAMI, d);
    } else if (str_equal(path.decoded, STR("/"))) {
        portal_page(req, PORTAL_PHONES, d);
    } else {
        refuse(d, DECIDE_REASON_NOT_FOUND);
    }
}

void decide(const struct decide_ctx *ctx, const struct request_view *req, struct decision *d) {
    *d = (struct decision){0};
    refuse(d, DECIDE_REASON_UNDECIDED);
    if (!authenticate(ctx, req, d)) return;
    if (is_own_options(req)) {
        conclude(d, DECIDE_OPTIONS, DECIDE_REASON_OPTIONS);
        return;
    }
    struct urlpath path;
    if (!canonicalise(ctx, req, &path, d)) return;
    struct str host = route_host(req->authority);
    if (route_is_portal(ctx->policy, host)) {
        decide_on_portal(ctx, req, path, d);
    } else if (enter_phone(ctx, route_by_host(ctx->policy->routes, host), d)) {
        d->route = ROUTE_HOST;
        authorise(ctx, req, path, d);
    } else {
        refuse(d, DECIDE_REASON_UNKNOWN_HOST);
    }
}

/* ---- with the body ---- */

static void judge_again(const struct decide_ctx *ctx, const struct request_view *req,
                        struct body body, struct decision *d) {
    ENSURE(d->verdict == DECIDE_NEED_BODY && d->phone != NULL && d->grant != NULL);
    refuse(d, DECIDE_REASON_UNDECIDED);
    judge(ctx, req, body, d);
    ENSURE(d->verdict == DECIDE_FORWARD || d->verdict == DECIDE_DENY);
}

void decide_body(const struct decide_ctx *ctx, const struct request_view *req, struct str body,
                 struct decision *d) {
    if (body.len > ctx->policy->judged_body_bytes) {
        decide_body_too_long(ctx, req, d);
        return;
    }
    judge_again(ctx, req, (struct body){RULES_BODY_SEEN, body}, d);
}

void decide_body_too_long(const struct decide_ctx *ctx, const struct request_view *req,
                          struct decision *d) {
    judge_again(ctx, req, (struct body){RULES_BODY_UNREADABLE, STR_NONE}, d);
}

const struct grant *decide_grant(const struct decide_ctx *ctx, const struct user *user,
                                 const struct policy_phone *phone, struct grant_missed *missed) {
    const struct grant_question question = {user->name, phone->id, ctx->when, ctx->address};
    return grant_find(ctx->policy, &question, missed);
}
