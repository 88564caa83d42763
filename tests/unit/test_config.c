/* The snapshot: defaults, values, paths, secrets, digest, and how long a large one takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/config_fixture.h"
#include <arpa/inet.h>
#include <cmocka.h>
#include <time.h>

#include "policy/access/route.h"
#include "policy/base/bytes.h"
#include "policy/harden/harden.h"

static struct config_fixture *fixture;

static int setup(void **state) {
    (void)state;
    fixture_reset(fixture);
    return 0;
}

static struct config *load(void) {
    struct config *config;
    enum config_result result = fixture_load(fixture, &config);
    if (result != CONFIG_OK) fail_msg("%s", fixture->messages);
    return config;
}

static void load_changed(const char *more, struct config **config) {
    char text[16384];
    int len = snprintf(text, sizeof(text), "%s%s\n", fixture->base, more);
    assert_true(len > 0 && (size_t)len < sizeof(text));
    fixture_put("phonegate.cfg", 0644, text);
    *config = load();
}

static void assert_str(struct str s, const char *text) {
    if (!str_equal(s, str_of(text))) fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(s), text);
}

static void test_config_defaults(void **state) {
    (void)state;
    struct config *c = load();
    assert_int_equal(c->workers, 0);
    assert_int_equal(c->https.min_version, TLS1_2_VERSION);
    assert_int_equal(c->https.proxy_protocol_count, 0);
    assert_int_equal(c->http.listen_count, 0);
    assert_false(c->status.enabled);
    assert_int_equal(c->policy.digest.algorithm_count, 1);
    assert_int_equal(c->policy.digest.algorithms[0], HASH_SHA256);
    assert_int_equal(c->policy.digest.nonce_lifetime_ms, 300000);
    assert_int_equal(c->policy.signing_in.lockout.failures, 5);
    assert_int_equal(c->policy.signing_in.lockout.window_ms, 60000);
    assert_int_equal(c->policy.signing_in.lockout.block_ms, 300000);
    assert_str(c->access_log.file, "-");
    assert_true(c->access_log.required);
    assert_false(c->policy.grants[0].scripts);
    assert_int_equal(c->policy.grants[0].allow_count, 0);
    assert_true(c->phones[0].login_required);
    assert_str(c->policy.phones[0].name, "101");
    assert_int_equal(c->phones[0].expected_count, 0);
    config_release(c);
}

static void test_config_default_limits(void **state) {
    (void)state;
    struct config *c = load();
    assert_int_equal(c->limits.header_bytes, 16384);
    assert_int_equal(c->limits.headers, 100);
    assert_int_equal(c->limits.target_bytes, 8192);
    assert_int_equal(c->limits.body_bytes, 16777216);
    assert_int_equal(c->limits.judged_body_bytes, 65536);
    assert_int_equal(c->policy.judged_body_bytes, 65536);
    assert_int_equal(c->limits.header_ms, 20000);
    assert_int_equal(c->limits.body_stall_ms, 30000);
    assert_int_equal(c->limits.body_min_bytes_s, 256);
    assert_int_equal(c->limits.idle_ms, 75000);
    assert_int_equal(c->limits.phone_connect_ms, 5000);
    assert_int_equal(c->limits.phone_first_byte_ms, 60000);
    assert_int_equal(c->limits.phone_stall_ms, 60000);
    assert_int_equal(c->limits.queue_ms, 30000);
    assert_int_equal(c->limits.queue_length, 64);
    assert_int_equal(c->limits.connections, 20000);
    assert_int_equal(c->limits.connections_per_address, 256);
    assert_int_equal(c->asset_cache.bytes, 16777216);
    assert_int_equal(c->asset_cache.object_bytes, 262144);
    assert_int_equal(c->asset_cache.max_age_ms, 300000);
    assert_int_equal(c->hardening.check_every_ms, 21600000);
    assert_int_equal(c->hardening.parallel, 4);
    assert_int_equal(c->hardening.on_drift, HARDENING_REPORT);
    config_release(c);
}

static void test_config_values(void **state) {
    (void)state;
    struct config *c;
    load_changed("http: { listen = [ \"[::]:8080\" ]; answer = \"redirect\"; };\n"
                 "status: { listen = \"127.0.0.1:9180\"; };\n"
                 "access_log: { file = \"access.log\"; required = false; };\n"
                 "limits: { idle_s = 7; body_bytes = 5000000000L; judged_body_bytes = 2048; };",
                 &c);
    assert_int_equal(c->http.answer, HTTP_ANSWER_REDIRECT);
    assert_int_equal(c->http.listen[0].addr.ss_family, AF_INET6);
    const struct sockaddr_in6 *v6 = (const void *)&c->http.listen[0].addr;
    assert_int_equal(ntohs(v6->sin6_port), 8080);
    assert_str(c->http.listen[0].text, "[::]:8080");
    assert_true(c->status.enabled);
    assert_false(c->access_log.required);
    assert_str(c->access_log.file, "access.log");
    assert_int_equal(c->limits.idle_ms, 7000);
    assert_int_equal(c->limits.body_bytes, 5000000000);
    assert_int_equal(c->policy.judged_body_bytes, 2048);
    config_release(c);
}

static void test_config_phones(void **state) {
    (void)state;
    struct config *c = load();
    const struct config_phone *phone = &c->phones[0];
    assert_int_equal(c->policy.phone_count, 2);
    assert_ptr_equal(phone->policy, &c->policy.phones[0]);
    assert_true(phone->tls);
    assert_str(phone->authority, "192.0.2.101");
    assert_str(phone->host, "192.0.2.101");
    assert_int_equal(phone->port, 443);
    assert_str(phone->login.user, "gate");
    assert_str(phone->login.password, "correct horse");
    assert_int_equal(phone->admin_login.user.len, 0);
    assert_false(phone->policy->has_admin_login);
    assert_int_equal(phone->verify, PHONE_VERIFY_PIN);
    assert_int_equal(phone->pin_count, 1);
    assert_int_equal(phone->pins[0][1], 0x11);
    assert_int_equal(phone->pins[0][31], 0xff);
    assert_int_equal(c->phones[1].verify, PHONE_VERIFY_CA);
    assert_str(c->phones[1].ca_file, "tls/ca.crt");
    assert_int_equal(phone->line, 18);
    assert_ptr_equal(c->policy.phones[0].profile, c->policy.phones[1].profile);
    assert_ptr_equal(route_by_id(c->policy.routes, STR("102")), &c->policy.phones[1]);
    assert_ptr_equal(route_by_host(c->policy.routes, STR("101.phones.example.com")),
                     &c->policy.phones[0]);
    config_release(c);
}

static void test_config_urls(void **state) {
    (void)state;
    struct config *c;
    load_changed("", &c);
    config_release(c);
    char *text = fixture_read("phonegate.cfg");
    char *at = strstr(text, "https://192.0.2.102");
    assert_non_null(at);
    memcpy(at, "https://[::1]:444/", 18);
    at[18] = '"';
    at[19] = ' ';
    fixture_put("phonegate.cfg", 0644, text);
    free(text);
    c = load();
    assert_str(c->phones[1].authority, "[::1]:444");
    assert_str(c->phones[1].host, "::1");
    assert_int_equal(c->phones[1].port, 444);
    config_release(c);
}

static void test_config_profile(void **state) {
    (void)state;
    struct config *c = load();
    const struct profile *profile = c->policy.phones[0].profile;
    assert_str(profile->name, "model");
    assert_int_equal(profile->rule_count, 2);
    assert_int_equal(profile->rules[0].methods, 1U << METHOD_GET);
    assert_int_equal(profile->rules[0].role_count, 0);
    assert_int_equal(profile->rules[0].params, RULE_PARAMS_LISTED);
    assert_int_equal(profile->rules[1].params, RULE_PARAMS_ANY);
    assert_int_equal(profile->rules[1].methods, 0);
    assert_str(profile->rules[1].file, "profiles/model.cfg");
    assert_int_equal(profile->rules[1].line, 7);
    assert_true(profile->case_insensitive_paths);
    config_release(c);
}

/* The shortest profile there can be: the most careful defaults. */
static void test_config_profile_defaults(void **state) {
    (void)state;
    fixture_put("profiles/model.cfg", 0644,
                "rules = ( { name = \"n\"; paths = [ \"/\" ]; allow = true; } );\n");
    struct config *c = load();
    const struct profile *profile = c->policy.phones[0].profile;
    assert_int_equal(profile->login, PHONE_LOGIN_DIGEST);
    assert_int_equal(profile->concurrent_requests, 1);
    assert_false(profile->case_insensitive_paths);
    assert_false(profile->keep_alive_header);
    assert_int_equal(profile->no_keep_alive_count, 0);
    assert_int_equal(profile->static_count, 0);
    assert_int_equal(profile->rules[0].params, RULE_PARAMS_ABSENT);
    config_release(c);
}

static void assert_expected(const struct config_phone *phone, size_t at, const char *setting,
                            const char *value) {
    assert_true(at < phone->expected_count);
    assert_str(phone->expected[at].setting, setting);
    assert_str(phone->expected[at].value, value);
}

/* The site's for all, a phone's own before them; once each. */
static void test_config_expected_settings(void **state) {
    (void)state;
    static const char phone[] = "url = \"https://192.0.2.102\";";
    char text[16384];
    const char *at = strstr(fixture->base, phone);
    assert_non_null(at);
    int len = snprintf(text, sizeof(text),
                       "%.*sexpect: { b = \"own\"; };\n%s\n"
                       "hardening: { expect: { a = \"1 @\"; b = \"2\"; }; };\n",
                       (int)(at - fixture->base), fixture->base, at);
    assert_true(len > 0 && (size_t)len < sizeof(text));
    fixture_put("phonegate.cfg", 0644, text);
    fixture_put("profiles/model.cfg", 0644,
                "rules = ( { name = \"n\"; paths = [ \"/\" ]; allow = true; } );\n"
                "harden = ( { setting = \"a\"; want = \"expected\"; why = \"x\"; },\n"
                "  { setting = \"b\"; want = \"expected\"; why = \"x\"; } );\n");
    struct config *c = load();
    assert_int_equal(c->phones[0].expected_count, 2);
    assert_expected(&c->phones[0], 0, "a", "1 @");
    assert_expected(&c->phones[0], 1, "b", "2");
    assert_int_equal(c->phones[1].expected_count, 2);
    assert_expected(&c->phones[1], 0, "b", "own");
    assert_expected(&c->phones[1], 1, "a", "1 @");
    config_release(c);
}

static void test_config_blanks_of_a_password_are_kept(void **state) {
    (void)state;
    fixture_put("secrets/101", 0600, "  two  words \r\n");
    struct config *c = load();
    assert_str(c->phones[0].login.password, "  two  words ");
    config_release(c);
}

static void test_config_group_of_a_secret(void **state) {
    (void)state;
    struct config *config;
    fixture_put("users", 0640, "# nobody\n");
    assert_int_equal(fixture_load(fixture, &config), CONFIG_OK); /* the program's own group */
    config_release(config);
    if (chown("users", (uid_t)-1, 54321) != 0) skip(); /* only root may give a file away */
    assert_int_equal(fixture_load(fixture, &config), CONFIG_INVALID);
    assert_non_null(strstr(fixture->messages, "group 54321, which is not the program's own"));
    if (chmod("users", 0600) != 0) fail();
    assert_int_equal(fixture_load(fixture, &config), CONFIG_OK);
    config_release(config);
}

static void test_config_unreadable(void **state) {
    (void)state;
    struct config *config;
    (void)unlink("phonegate.cfg");
    assert_int_equal(fixture_load(fixture, &config), CONFIG_UNREADABLE);
    assert_null(config);
    assert_int_equal(fixture->reported, 1);
}

static void test_config_state_directory(void **state) {
    (void)state;
    struct config *c = load();
    assert_str(c->state_dir, "state");
    config_release(c);
    char *text = fixture_read("phonegate.cfg");
    memcpy(strstr(text, "state_dir"), "#tate_dir", 9);
    fixture_put("phonegate.cfg", 0644, text);
    free(text);
    c = load();
    assert_int_equal(c->state_dir.len, 0);
    assert_int_equal(fixture->reported, 1);
    config_release(c);
    assert_int_equal(setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b", 1), 0);
    c = load();
    assert_str(c->state_dir, "/var/lib/a");
    assert_int_equal(fixture->reported, 0);
    config_release(c);
    (void)unsetenv("STATE_DIRECTORY");
}

static void digest(char out[17]) {
    struct config *c = load();
    snprintf(out, 17, STR_FMT, STR_ARG(c->digest_of_file));
    assert_int_equal(c->digest_of_file.len, 16);
    config_release(c);
}

/* The same files, the same digest; any change of policy, another; a new password, the same. */
static void test_config_digest_of_files(void **state) {
    (void)state;
    char first[17], again[17], other[17];
    digest(first);
    digest(again);
    assert_string_equal(first, again);
    fixture_put("secrets/101", 0600, "another one\n");
    digest(again);
    assert_string_equal(first, again);
    char *text = fixture_read("profiles/model.cfg");
    memcpy(strstr(text, "GET"), "PUT", 3);
    fixture_put("profiles/model.cfg", 0644, text);
    free(text);
    digest(other);
    assert_string_not_equal(first, other);
    fixture_reset(fixture);
    fixture_put("users", 0600, "# nobody\n");
    digest(other);
    assert_string_not_equal(first, other);
}

static void test_config_hold_and_release(void **state) {
    (void)state;
    struct config *c = load();
    assert_ptr_equal(config_hold(c), c);
    config_release(c);
    assert_str(c->policy.digest.realm, "phones.example.com"); /* still ours */
    config_release(c);
    config_release(NULL);
}

static double seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void write_many(size_t phones, size_t users) {
    char *text = fixture_read("phonegate.cfg");
    *strstr(text, "grants = (") = '\0';
    FILE *file = fopen("phonegate.cfg", "wb");
    FILE *people = fopen("users", "wb");
    assert_true(file != NULL && people != NULL);
    fprintf(file, "%sprofiles_dir = \"profiles\"; state_dir = \"state\";\ngrants = (\n", text);
    free(text);
    for (size_t i = 0; i < users; i++) {
        fprintf(people, "person%zu:phones.example.com:%064zx\n", i, i + 1);
        fprintf(file, "{ users = [ \"person%zu\" ]; role = \"user\"; phones = [ \"%zu\" ]; }%s\n",
                i, i % phones, i + 1 == users ? ");" : ",");
    }
    fprintf(file, "phones = (\n");
    for (size_t i = 0; i < phones; i++)
        fprintf(file,
                "{ id = \"%zu\"; url = \"https://10.0.%zu.%zu\"; profile = \"model\";\n"
                " host = \"%zu.phones.example.com\"; tls: { ca = \"tls/ca.crt\"; };\n"
                " login: { user = \"gate\"; password_file = \"secrets/101\"; }; }%s\n",
                i, i / 256, i % 256, i, i + 1 == phones ? ");" : ",");
    assert_int_equal(fclose(file), 0);
    assert_int_equal(fclose(people), 0);
    assert_int_equal(chmod("users", 0600), 0);
}

/* A company: the time is for the reader, no machine of a test is quick for sure. */
static void test_config_large(void **state) {
    (void)state;
    write_many(5000, 100000);
    double before = seconds();
    struct config *c = load();
    double after = seconds();
    printf("5,000 phones, 100,000 users and grants: %.2f s\n", after - before);
    assert_int_equal(c->policy.phone_count, 5000);
    assert_int_equal(users_count(c->policy.users), 100000);
    assert_int_equal(fixture->reported, 0);
    config_release(c);
    printf("released in %.2f s\n", seconds() - after);
}

int main(void) {
    fixture = fixture_new();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_config_defaults, setup),
        cmocka_unit_test_setup(test_config_default_limits, setup),
        cmocka_unit_test_setup(test_config_values, setup),
        cmocka_unit_test_setup(test_config_phones, setup),
        cmocka_unit_test_setup(test_config_urls, setup),
        cmocka_unit_test_setup(test_config_profile, setup),
        cmocka_unit_test_setup(test_config_profile_defaults, setup),
        cmocka_unit_test_setup(test_config_expected_settings, setup),
        cmocka_unit_test_setup(test_config_blanks_of_a_password_are_kept, setup),
        cmocka_unit_test_setup(test_config_group_of_a_secret, setup),
        cmocka_unit_test_setup(test_config_unreadable, setup),
        cmocka_unit_test_setup(test_config_state_directory, setup),
        cmocka_unit_test_setup(test_config_digest_of_files, setup),
        cmocka_unit_test_setup(test_config_hold_and_release, setup),
        cmocka_unit_test_setup(test_config_large, setup),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fixture_free(fixture);
    return failed;
}
