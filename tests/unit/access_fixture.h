/* access_fixture.h: a small site for tests of routing and of decide(): a portal of two names, four
 * phones, three people, one profile written out in C. */
#ifndef TESTS_UNIT_ACCESS_FIXTURE_H
#define TESTS_UNIT_ACCESS_FIXTURE_H

#include "policy/access/decide.h"
#include "policy/access/grants.h"
#include "policy/access/route.h"

#define S(lit)                                                                                     \
    { (lit), sizeof(lit) - 1 }

static const struct str site_portals[] = {S("gate.example.com"), S("localhost")};
static const struct str site_role_user[] = {S("user")}, site_role_admin[] = {S("admin")};
static const struct str site_user_paths[] = {S("/"), S("/index.htm"), S("/phone/102/x.htm")};
static const struct str site_line_paths[] = {S("/line.htm")}, site_reset_paths[] = {S("/adv*")};
static const struct str site_act_paths[] = {S("/act.htm")};
static const struct rule_param site_line_params[] = {{.name = S("l")}};
static const struct rule_param site_reset_params[] = {{.name = S("reset")}};
static const struct rule_param site_act_params[] = {{.name = S("key")}};
static const struct str site_all[] = {S("*")};
#define SITE_READ  (1u << METHOD_GET | 1u << METHOD_HEAD)
#define SITE_WRITE (SITE_READ | 1u << METHOD_POST)

static const struct rule site_rules[] = {
    {.name = S("no reset"),
     .class = S("factory-reset"),
     .reason = S("Ask the phone team."),
     .paths = site_reset_paths,
     .path_count = 1,
     .params = RULE_PARAMS_LISTED,
     .parameters = site_reset_params,
     .param_count = 1},
    {.name = S("admins"),
     .roles = site_role_admin,
     .role_count = 1,
     .methods = SITE_WRITE,
     .paths = site_all,
     .path_count = 1,
     .params = RULE_PARAMS_ANY,
     .allow = true},
    {.name = S("pages"),
     .roles = site_role_user,
     .role_count = 1,
     .methods = SITE_READ,
     .paths = site_user_paths,
     .path_count = 3,
     .allow = true},
    {.name = S("line"),
     .roles = site_role_user,
     .role_count = 1,
     .methods = SITE_WRITE,
     .paths = site_line_paths,
     .path_count = 1,
     .params = RULE_PARAMS_LISTED,
     .parameters = site_line_params,
     .param_count = 1,
     .allow = true},
    {.name = S("act"),
     .roles = site_role_user,
     .role_count = 1,
     .paths = site_act_paths,
     .path_count = 1,
     .params = RULE_PARAMS_LISTED,
     .parameters = site_act_params,
     .param_count = 1,
     .allow = true,
     .changes = true},
};
static const struct profile site_profile = {
    .name = S("test"),
    .case_insensitive_paths = true,
    .rules = site_rules,
    .rule_count = ARRAY_LEN(site_rules),
};
static const struct policy_phone site_phones[] = {
    {.id = S("101"), .host = S("101.phones.example.com"), .profile = &site_profile, .index = 0},
    {.id = S("102"), .profile = &site_profile, .index = 1},
    {.id = S("lab-1"), .host = S("lab-1.phones.example.com"), .profile = &site_profile, .index = 2},
    {.id = S("secret"),
     .host = S("secret.phones.example.com"),
     .profile = &site_profile,
     .index = 3},
};
static const struct str site_alice[] = {S("alice")}, site_bob[] = {S("bob")};
static const struct str site_carol[] = {S("carol")};
static const struct str site_bob_phones[] = {S("101"), S("lab-*")}, site_101[] = {S("101")};
static const struct str site_reset[] = {S("factory-reset")};
/* Scripts may, so that tests of other things need no headers; site_refuse_scripts. */
static const struct grant site_grants[] = {
    {.users = site_alice,
     .user_count = 1,
     .role = S("admin"),
     .phones = site_all,
     .phone_count = 1,
     .scripts = true},
    {.users = site_bob,
     .user_count = 1,
     .role = S("user"),
     .phones = site_bob_phones,
     .phone_count = 2,
     .scripts = true},
    {.users = site_carol,
     .user_count = 1,
     .role = S("admin"),
     .phones = site_101,
     .phone_count = 1,
     .scripts = true,
     .allow = site_reset,
     .allow_count = 1},
};
static const struct user site_user_alice = {.name = S("alice")};
static const struct user site_user_bob = {.name = S("bob")};
static const struct user site_user_carol = {.name = S("carol")};
static const struct user site_user_dave = {.name = S("dave")}; /* no grant at all */

struct site {
    struct policy policy;
    struct grant quiet_grants[ARRAY_LEN(site_grants)];
    struct route_index *routes;
    struct arena arena;
    struct decide_ctx ctx;
    atomic_bool restricted[ARRAY_LEN(site_phones)];
    struct header headers[16];
    size_t header_count;
};

static inline void site_init(struct site *s, const struct user *user) {
    static const uint64_t key[2] = {3, 4};
    *s = (struct site){0};
    s->routes = route_index_new(site_phones, ARRAY_LEN(site_phones), key);
    s->policy = (struct policy){
        .portal_hosts = site_portals,
        .portal_host_count = ARRAY_LEN(site_portals),
        .phones = site_phones,
        .phone_count = ARRAY_LEN(site_phones),
        .grants = site_grants,
        .grant_count = ARRAY_LEN(site_grants),
        .routes = s->routes,
        .judged_body_bytes = 64,
    };
    arena_init(&s->arena, 65536);
    s->ctx = (struct decide_ctx){.policy = &s->policy, .arena = &s->arena, .assume_user = user};
}

/* From now on no grant says that scripts may change things. */
static inline void site_refuse_scripts(struct site *s) {
    for (size_t i = 0; i < ARRAY_LEN(site_grants); i++) {
        s->quiet_grants[i] = site_grants[i];
        s->quiet_grants[i].scripts = false;
    }
    s->policy.grants = s->quiet_grants;
}

/* All phones are restricted from now on, or none. */
static inline void site_restrict(struct site *s, bool restricted) {
    for (size_t i = 0; i < ARRAY_LEN(site_phones); i++) atomic_store(&s->restricted[i], restricted);
    s->ctx.restricted = s->restricted;
}

static inline void site_deinit(struct site *s) {
    arena_release(&s->arena);
    route_index_free(s->routes);
}

static inline void site_header(struct site *s, struct str name, struct str value) {
    ENSURE(s->header_count < ARRAY_LEN(s->headers));
    s->headers[s->header_count++] = (struct header){name, value};
}

/* A request without a body, with the headers given so far. */
static inline struct request_view site_request(const struct site *s, struct str method,
                                               struct str authority, struct str target) {
    struct request_view req = {
        .method_name = method,
        .target = target,
        .authority = authority,
        .minor = 1,
        .headers = s->headers,
        .header_count = s->header_count,
    };
    ENSURE(method_from(method, &req.method));
    size_t question = str_find(target, '?', 0);
    req.path = str_part(target, 0, question);
    if (question < target.len) req.query = str_part(target, question + 1, target.len);
    return req;
}

#endif
