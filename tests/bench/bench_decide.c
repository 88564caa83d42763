/* Nanoseconds of decide() for an allowed GET, authentication left out: 50 rules of which the last
 * matches, 5,000 phones, 2,000 users, 200 grants. Goal: 5,000 ns and nothing outside the arena. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "policy/access/decide.h"
#include "policy/access/grants.h"
#include "policy/access/route.h"

#define PHONES 5000
#define USERS  2000
#define GRANTS 200
#define RULES  50
#define ROUNDS 200000
#define PATHS  8

struct company {
    char text[PHONES + USERS + RULES * PATHS][40];
    size_t used;
    struct str paths[RULES][PATHS], names[USERS], patterns[2], portal;
    struct rule rules[RULES];
    struct profile profile;
    struct policy_phone phones[PHONES];
    struct grant grants[GRANTS];
    struct user user;
    struct policy policy;
};

static struct str text(struct company *c, const char *before, unsigned n, const char *after) {
    char *out = c->text[c->used++];
    int len = snprintf(out, sizeof(c->text[0]), "%s%u%s", before, n, after);
    return (struct str){out, (size_t)len};
}

static void make_rules(struct company *c) {
    static const struct str role[] = {{"user", 4}}, last[] = {{"/index.htm", 10}};
    for (unsigned i = 0; i < RULES; i++) {
        for (unsigned p = 0; p < PATHS; p++) {
            c->paths[i][p] =
                text(c, p == 0 ? "*.htm/" : "/advanced_", i * PATHS + p, p == 0 ? "*" : ".htm");
        }
        c->rules[i] = (struct rule){
            .roles = role, .role_count = 1, .paths = c->paths[i], .path_count = PATHS};
    }
    c->rules[RULES - 1] = (struct rule){.roles = role,
                                        .role_count = 1,
                                        .methods = 1u << METHOD_GET,
                                        .paths = last,
                                        .path_count = 1,
                                        .allow = true};
    c->profile =
        (struct profile){.case_insensitive_paths = true, .rules = c->rules, .rule_count = RULES};
}

static void make_policy(struct company *c) {
    static const uint64_t key[2] = {1, 2};
    for (unsigned i = 0; i < PHONES; i++) {
        struct str id = text(c, "", 10000 + i, "");
        c->phones[i] =
            (struct policy_phone){.id = id, .host = id, .profile = &c->profile, .index = i};
    }
    for (unsigned i = 0; i < USERS; i++) c->names[i] = text(c, "user-", i, "");
    c->patterns[0] = (struct str){"99*", 3};
    c->patterns[1] = (struct str){"1*4", 3};
    for (unsigned i = 0; i < GRANTS; i++) {
        c->grants[i] = (struct grant){.users = &c->names[i * (USERS / GRANTS)],
                                      .user_count = USERS / GRANTS,
                                      .role = {"user", 4},
                                      .phones = c->patterns,
                                      .phone_count = 2};
    }
    c->portal = (struct str){"gate.example.com", 16};
    c->user.name = c->names[USERS - 1];
    c->policy = (struct policy){.portal_hosts = &c->portal,
                                .portal_host_count = 1,
                                .phones = c->phones,
                                .phone_count = PHONES,
                                .grants = c->grants,
                                .grant_count = GRANTS,
                                .grant_index = grant_index_new(c->grants, GRANTS, key),
                                .routes = route_index_new(c->phones, PHONES, key),
                                .judged_body_bytes = 65536};
}

static double seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void measure(const struct company *c, const char *what, struct request_view req) {
    struct arena arena;
    struct decision d;
    arena_init(&arena, 65536);
    struct decide_ctx ctx = {.policy = &c->policy, .arena = &arena, .assume_user = &c->user};
    decide(&ctx, &req, &d);
    arena_reset(&arena);
    size_t before = mallinfo2().uordblks;
    double start = seconds();
    for (unsigned i = 0; i < ROUNDS; i++) {
        decide(&ctx, &req, &d);
        arena_reset(&arena);
    }
    double each = (seconds() - start) / ROUNDS * 1e9;
    printf("%-8s %6.0f ns, verdict %s, heap grew by %zu\n", what, each,
           decide_verdict_str(d.verdict), mallinfo2().uordblks - before);
    arena_release(&arena);
}

int main(void) {
    struct company *c = calloc(1, sizeof(*c));
    ENSURE(c != NULL);
    make_rules(c);
    make_policy(c);
    struct request_view req = {.method = METHOD_GET, .minor = 1};
    req.authority = (struct str){"14994", 5};
    req.path = (struct str){"/index.htm", 10};
    measure(c, "by host", req);
    req.authority = c->portal;
    req.path = (struct str){"/phone/14994/index.htm", 22};
    measure(c, "by path", req);
    route_index_free((struct route_index *)(uintptr_t)c->policy.routes);
    grant_index_free((struct grant_index *)(uintptr_t)c->policy.grant_index);
    free(c);
    return 0;
}
