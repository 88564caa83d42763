/* Where the site's own rules stand among those of a profile. What is wrong with them is in
 * tests/vectors/config/problems.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/config_fixture.h"
#include <cmocka.h>

static struct config_fixture *fixture;

#define ROLES   "roles = ( { name = \"helpdesk\"; }, { name = \"auditor\"; } );\n"
#define PAGE    "paths = [ \"/x.htm\" ]; "
#define PROFILE "profile = \"model\"; " PAGE

static const char profile[] =
    "rules = (\n"
    "  { name = \"never\"; paths = [ \"/cgi*\" ]; allow = false; },\n"
    "  { name = \"no reset\"; class = \"factory-reset\"; paths = [ \"*\" ];\n"
    "    parameters = [ \"reset\" ]; allow = false; },\n"
    "  { name = \"resync\"; roles = [ \"admin\" ]; paths = [ \"/resync\" ]; allow = true; },\n"
    "  { name = \"no firmware\"; class = \"firmware-url\"; roles = [ \"admin\" ];\n"
    "    paths = [ \"/resync*\" ]; allow = false; },\n"
    "  { name = \"pages\"; paths = [ \"/\" ]; allow = true; },\n"
    "  { name = \"rest\"; paths = [ \"*\" ]; allow = false; } );\n";

/* "NAME[ROLES] ..." of the rules of the first phone, with `rules` as the site's. */
static void check(const char *rules, const char *want) {
    static char text[32768], got[4096];
    struct config *config;
    fixture_reset(fixture);
    fixture_put("profiles/model.cfg", 0644, profile);
    (void)snprintf(text, sizeof(text), "%s" ROLES "%s", fixture->base, rules);
    fixture_put("phonegate.cfg", 0644, text);
    if (fixture_load(fixture, &config) != CONFIG_OK) fail_msg("%s", fixture->messages);
    const struct profile *p = config->policy.phones[0].profile;
    size_t len = 0;
    for (size_t i = 0; i < p->rule_count; i++) {
        const struct rule *rule = &p->rules[i];
        len += (size_t)snprintf(got + len, sizeof(got) - len, "%s" STR_FMT "[", i > 0 ? ", " : "",
                                STR_ARG(rule->name));
        for (size_t k = 0; k < rule->role_count; k++)
            len += (size_t)snprintf(got + len, sizeof(got) - len, "%s" STR_FMT, k > 0 ? " " : "",
                                    STR_ARG(rule->roles[k]));
        len += (size_t)snprintf(got + len, sizeof(got) - len, "]");
    }
    assert_string_equal(got, want);
    config_release(config);
}

#define TOP    "never[], no reset[], "
#define BOTTOM "resync[admin], no firmware[admin], pages[], rest[]"

static void without_rules_a_profile_is_as_it_is(void **state) {
    (void)state;
    check("", TOP BOTTOM);
    check("rules = ( );", TOP BOTTOM);
}

static void they_stand_behind_the_guards_in_the_order_of_the_file(void **state) {
    (void)state;
    check("rules = ( { name = \"b\"; " PROFILE "roles = [ \"user\" ]; allow = false; },"
          "          { name = \"a\"; " PROFILE "allow = false; } );",
          TOP "b[user], a[], " BOTTOM);
    check("rules = ( { name = \"a\"; profile = \"*\"; " PAGE "allow = false; } );",
          TOP "a[], " BOTTOM);
    check("rules = ( { name = \"a\"; profile = [ \"model\" ]; " PAGE "allow = false; } );",
          TOP "a[], " BOTTOM);
}

/* What is refused by class stays so, for whomever the site allows something, and for nobody else:
 * "resync" of administrators goes on as it was. */
static void guards_further_down_stand_before_them_as_well(void **state) {
    (void)state;
    check("rules = ( { name = \"a\"; " PROFILE "roles = [ \"helpdesk\" ]; allow = true; } );",
          TOP "no firmware[helpdesk], a[helpdesk], " BOTTOM);
    check("rules = ( { name = \"a\"; " PROFILE "roles = [ \"helpdesk\" ]; allow = true; },"
          "          { name = \"b\"; " PROFILE "roles = [ \"user\" ]; allow = false; },"
          "          { name = \"c\"; " PROFILE
          "roles = [ \"auditor\", \"user\" ]; allow = true; } );",
          TOP "no firmware[helpdesk auditor user], a[helpdesk], b[user], c[auditor user], " BOTTOM);
    check("rules = ( { name = \"a\"; " PROFILE "roles = [ \"helpdesk\" ]; allow = true; },"
          "          { name = \"b\"; " PROFILE "allow = true; } );",
          TOP "no firmware[], a[helpdesk], b[], " BOTTOM);
}

static void a_rule_is_for_the_profiles_it_names(void **state) {
    (void)state;
    fixture_put("profiles/other.cfg", 0644, profile);
    check("rules = ( { name = \"a\"; profile = \"other\"; " PAGE "allow = true; } );", TOP BOTTOM);
    assert_non_null(strstr(fixture->messages, "no phone has the profile \"other\""));
    check("rules = ( { name = \"a\"; profile = [ \"other\", \"model\" ]; " PAGE
          "allow = false; } );",
          TOP "a[], " BOTTOM);
}

static void a_role_has_the_account_that_the_site_says(void **state) {
    (void)state;
    struct config *config;
    static char text[32768];
    fixture_reset(fixture);
    (void)snprintf(text, sizeof(text),
                   "%sroles = ( { name = \"helpdesk\"; }, { name = \"auditor\"; account = "
                   "\"admin_login\"; } );\n"
                   "@include \"grants.cfg\"\n",
                   fixture->base);
    char *grants = strstr(text, "grants = ("), *end = strstr(text, "phones = (");
    memset(grants, ' ', (size_t)(end - grants));
    fixture_put("phonegate.cfg", 0644, text);
    fixture_put("grants.cfg", 0644,
                "grants = ( { users = [ \"bob\" ]; role = \"helpdesk\"; phones = [ \"101\" ]; },"
                "{ users = [ \"bob\" ]; role = \"auditor\"; phones = [ \"*\" ]; },"
                "{ users = [ \"bob\" ]; role = \"user\"; phones = [ \"*\" ]; } );");
    if (fixture_load(fixture, &config) != CONFIG_OK) fail_msg("%s", fixture->messages);
    assert_false(config->policy.grants[0].admin_login);
    assert_true(config->policy.grants[1].admin_login);
    assert_false(config->policy.grants[2].admin_login);
    config_release(config);
}

int main(void) {
    fixture = fixture_new();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rules_a_profile_is_as_it_is),
        cmocka_unit_test(they_stand_behind_the_guards_in_the_order_of_the_file),
        cmocka_unit_test(guards_further_down_stand_before_them_as_well),
        cmocka_unit_test(a_rule_is_for_the_profiles_it_names),
        cmocka_unit_test(a_role_has_the_account_that_the_site_says),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fixture_free(fixture);
    return failed;
}
