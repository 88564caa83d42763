/* A whole request, as lines: user, method, authority, target, then header fields, an empty line, a
 * body. What comes out must be a decision that can be defended: a forward has a user, a phone, a
 * grant and an allow rule, what is sent reads as what was judged, and no other site's page and no
 * unnamed program makes a phone change. Behind the user: '-', no grant says that scripts may; '!',
 * all phones are restricted. */
#include <string.h>

#include "policy/access/urlpath.h"
#include "tests/unit/access_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool next_line(struct str *rest, struct str *line) {
    return str_split(rest, '\n', line);
}

/* What goes on to the phone, or asks for a body that may. The checks are written another way than
 * the code: by what must not stand in the request. */
static void check_asked(const struct decision *d, const struct request_view *req) {
    struct str site = request_header(req, STR("Sec-Fetch-Site"));
    struct str origin = request_header(req, STR("Origin"));
    bool reads = (req->method == METHOD_GET || req->method == METHOD_HEAD) &&
                 req->body == BODY_NONE && req->query.len == 0;
    bool cross =
        site.ptr != NULL && !str_equal(site, STR("same-origin")) && !str_equal(site, STR("none"));
    if (cross || request_header_count(req, STR("Sec-Fetch-Site")) > 1) ENSURE(reads);
    if (cross) {
        ENSURE(str_equal(request_header(req, STR("Sec-Fetch-Mode")), STR("navigate")));
        ENSURE(str_equal(request_header(req, STR("Sec-Fetch-Dest")), STR("document")));
    }
    if (str_equal(origin, STR("null")) || request_header_count(req, STR("Origin")) > 1)
        ENSURE(reads);
    if (origin.ptr != NULL && !str_starts_with_icase(origin, STR("https://"))) ENSURE(reads);
    bool silent =
        site.ptr == NULL && origin.ptr == NULL && request_header(req, STR("Referer")).ptr == NULL;
    if (silent && !d->grant->scripts && !reads) {
        ENSURE(req->body == BODY_NONE && d->verdict == DECIDE_FORWARD);
        ENSURE(d->rule->params == RULE_PARAMS_LISTED && !d->rule->changes);
        ENSURE(req->method == METHOD_GET || req->method == METHOD_HEAD);
    }
}

static void check_forward(const struct decision *d, const struct request_view *req,
                          const struct policy *policy) {
    ENSURE(d->user != NULL && d->phone != NULL && d->grant != NULL);
    ENSURE(d->rule != NULL && d->rule->allow);
    const struct decide_ctx ctx = {.policy = policy};
    ENSURE(decide_grant(&ctx, d->user, d->phone, NULL) == d->grant);
    ENSURE(d->admin_account == str_equal(d->role, STR("admin")));
    ENSURE(str_starts_with(d->target, d->path.encoded));
    struct str rest = str_part(d->target, d->path.encoded.len, d->target.len);
    if (req->query.ptr == NULL) {
        ENSURE(rest.len == 0);
    } else {
        ENSURE(rest.ptr[0] == '?' && str_equal(str_part(rest, 1, rest.len), req->query));
    }
    struct urlpath again;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    ENSURE(urlpath_canonical(d->path.encoded, &arena, &again) == URLPATH_OK);
    ENSURE(str_equal(again.decoded, d->path.decoded));
    ENSURE(urlpath_query_is_clean(req->query));
    arena_release(&arena);
}

static void check(const struct decision *d, const struct request_view *req,
                  const struct policy *policy, bool restricted) {
    ENSURE(d->reason != NULL && strcmp(d->reason, "undecided") != 0);
    if (d->verdict == DECIDE_FORWARD) check_forward(d, req, policy);
    if (d->verdict == DECIDE_FORWARD || d->verdict == DECIDE_NEED_BODY) check_asked(d, req);
    if (d->verdict == DECIDE_DENY) ENSURE(d->status >= 400 && d->status <= 431);
    if (d->verdict == DECIDE_REDIRECT) {
        ENSURE(d->status == 307 || d->status == 308);
        ENSURE(str_starts_with(d->location, STR("/phone/")));
        ENSURE(req->method == METHOD_GET || req->method == METHOD_HEAD);
    }
    if (d->phone != NULL) ENSURE(d->grant != NULL);
    if (restricted && (d->verdict == DECIDE_FORWARD || d->verdict == DECIDE_NEED_BODY))
        ENSURE(str_equal(d->grant->role, STR("admin")));
    /* dave has no grant: he never learns of a phone */
    if (d->user == &site_user_dave) ENSURE(d->phone == NULL && d->verdict != DECIDE_FORWARD);
}

static const struct user *pick_user(struct str name) {
    if (str_equal(name, STR("alice"))) return &site_user_alice;
    if (str_equal(name, STR("bob"))) return &site_user_bob;
    if (str_equal(name, STR("carol"))) return &site_user_carol;
    return &site_user_dave;
}

static void judge(struct site *s, struct str method, struct str authority, struct str target,
                  struct str body) {
    struct decision d;
    enum method known;
    if (!method_from(method, &known)) return;
    struct request_view req = site_request(s, method, authority, target);
    if (body.ptr != NULL) req.body = body.len % 2 ? BODY_CHUNKED : BODY_LENGTH;
    req.content_length = body.len;
    decide(&s->ctx, &req, &d);
    if (d.verdict == DECIDE_NEED_BODY) {
        struct decision blind = d;
        ENSURE(req.body != BODY_NONE && d.phone != NULL && d.grant != NULL);
        check_asked(&d, &req);
        decide_body(&s->ctx, &req, body, &d);
        decide_body_too_long(&s->ctx, &req, &blind);
        check(&blind, &req, &s->policy, s->ctx.restricted != NULL);
    }
    check(&d, &req, &s->policy, s->ctx.restricted != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str rest = {(const char *)data, size}, user, method, authority, target, line;
    if (size == 0 || !next_line(&rest, &user) || !next_line(&rest, &method)) return 0;
    if (!next_line(&rest, &authority) || !next_line(&rest, &target)) return 0;
    struct site s;
    bool quiet = str_ends_with(user, STR("-")), restricted = str_ends_with(user, STR("!"));
    site_init(&s, pick_user(str_part(user, 0, user.len - (quiet || restricted ? 1 : 0))));
    if (quiet) site_refuse_scripts(&s);
    if (restricted) site_restrict(&s, true);
    while (next_line(&rest, &line) && line.len > 0 && s.header_count < ARRAY_LEN(s.headers)) {
        size_t colon = str_find(line, ':', 0);
        site_header(&s, str_part(line, 0, colon), str_trim(str_part(line, colon + 1, line.len)));
    }
    judge(&s, method, authority, target, rest);
    site_deinit(&s);
    return 0;
}
