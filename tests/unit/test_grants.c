/* Limits of grants, row by row (tests/vectors/grants.txt), and which grant counts. */
#include <arpa/inet.h>
#include <time.h>

#include "policy/access/grants.h"
#include "tests/unit/access_vectors.h"

#define S(lit)                                                                                     \
    { (lit), sizeof(lit) - 1 }

/* ---- the table ---- */

static void point_row(const struct vectors *v) {
    int64_t utc_s;
    assert_int_equal(v->count, 4);
    if (!when_parse(v->column[2], str_equal(v->column[1], STR("until")), &utc_s)) {
        vectors_expect(v, STR("wrong"), v->column[3]);
        return;
    }
    char text[64];
    time_t seconds = (time_t)utc_s;
    struct tm t;
    assert_non_null(gmtime_r(&seconds, &t));
    (void)snprintf(text, sizeof(text), "%04d-%02d-%02d %02d:%02d:%02d", t.tm_year + 1900,
                   t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
    vectors_expect(v, str_of(text), v->column[3]);
}

static void hours_row(const struct vectors *v) {
    struct when_hours hours;
    assert_int_equal(v->count, 3);
    vectors_expect(v, when_hours_parse(v->column[1], &hours) ? STR("fine") : STR("wrong"),
                   v->column[2]);
}

/* As proxy/config reads it, but by libc's own functions. */
static struct network network_of(struct str text) {
    char literal[64];
    size_t slash = str_find(text, '/', 0);
    uint64_t bits;
    struct network network = {.bytes = {[10] = 0xff, [11] = 0xff}};
    (void)snprintf(literal, sizeof(literal), "%.*s", (int)slash, text.ptr);
    bool ipv4 = inet_pton(AF_INET, literal, network.bytes + 12) == 1;
    if (!ipv4) assert_int_equal(inet_pton(AF_INET6, literal, network.bytes), 1);
    if (!str_to_u64(str_part(text, slash + 1, text.len), 128, &bits)) bits = ipv4 ? 32 : 128;
    network.prefix_bits = (unsigned)bits + (ipv4 ? 96 : 0);
    return network;
}

static struct network_address address_of(struct str text) {
    struct network_address address = {{0}};
    struct network whole = network_of(text.len > 0 ? text : STR("::"));
    memcpy(address.bytes, whole.bytes, sizeof(address.bytes));
    return address;
}

/* "2026-11-23T08:00:00+01:00" as a moment with that offset. */
static struct when when_of(struct str text) {
    struct when when = {0};
    if (text.len == 0) return when;
    assert_true(when_parse(text, false, &when.utc_s));
    int64_t as_utc;
    char utc[32];
    (void)snprintf(utc, sizeof(utc), "%.19sZ", text.ptr);
    assert_true(when_parse(str_of(utc), false, &as_utc));
    when.local_offset_s = (int32_t)(as_utc - when.utc_s);
    return when;
}

struct limited {
    struct grant grant;
    struct network from[4];
    struct when_hours hours[4];
};

static void add_limit(const struct vectors *v, struct limited *l, struct str text) {
    size_t blank = str_find(text, ' ', 0);
    struct str key = str_part(text, 0, blank), value = str_part(text, blank + 1, text.len);
    struct grant *grant = &l->grant;
    bool good = true;
    if (str_equal(key, STR("from")))
        l->from[grant->from_count++] = network_of(value);
    else if (str_equal(key, STR("hours")))
        good = when_hours_parse(value, &l->hours[grant->hours_count++]);
    else if (str_equal(key, STR("since")))
        good = when_parse(value, false, &grant->since_s);
    else if (str_equal(key, STR("until")))
        good = when_parse(value, true, &grant->until_s);
    else
        good = false;
    if (!good) fail_msg("%s:%u: bad limit", v->name, v->line);
    grant->from = l->from;
    grant->hours = l->hours;
}

static void limits_row(const struct vectors *v) {
    assert_int_equal(v->count, 5);
    struct limited l = {0};
    struct str rest = v->column[1], piece;
    while (rest.len > 0 && str_split(&rest, ';', &piece)) add_limit(v, &l, str_trim(piece));
    const struct when now = when_of(v->column[2]);
    const struct network_address address = address_of(v->column[3]);
    enum grant_limit limit = grant_limit(&l.grant, &now, &address);
    struct str got = limit == GRANT_IN_FORCE ? STR("in force") : str_of(grant_limit_str(limit));
    vectors_expect(v, got, v->column[4]);
}

static void limits_are_those_of_the_table(void **state) {
    (void)state;
    struct vectors *v = malloc(sizeof(*v));
    assert_non_null(v);
    unsigned rows = 0;
    vectors_open(v, "grants.txt");
    for (; vectors_next(v); rows++) {
        if (str_equal(v->column[0], STR("point")))
            point_row(v);
        else if (str_equal(v->column[0], STR("hours")))
            hours_row(v);
        else if (str_equal(v->column[0], STR("limits")))
            limits_row(v);
        else
            fail_msg("%s:%u: no such row", v->name, v->line);
    }
    free(v);
    assert_true(rows > 150);
}

/* ---- arithmetic against libc ---- */

static void every_day_of_400_years_is_the_one_libc_counts(void **state) {
    (void)state;
    time_t day = 366 * 86400; /* 1971-01-02 */
    for (unsigned i = 0; i < 146097 + 2; i++, day += 86400) {
        struct tm t;
        char text[64];
        int64_t begins, over;
        assert_non_null(gmtime_r(&day, &t));
        (void)snprintf(text, sizeof(text), "%04d-%02d-%02d", t.tm_year + 1900, t.tm_mon + 1,
                       t.tm_mday);
        assert_true(when_parse(str_of(text), false, &begins));
        assert_true(when_parse(str_of(text), true, &over));
        assert_int_equal(begins, day);
        assert_int_equal(over, day + 86400);
        const struct when noon = {.utc_s = begins + 43200};
        const struct when_hours that_day = {(uint8_t)(1U << (t.tm_wday + 6) % 7), 0, 1440};
        assert_true(when_in_hours(&that_day, 1, &noon));
    }
}

/* Each minute of a week, against the sentence that says what the hours mean. */
static void hours_hold_in_exactly_their_minutes(void **state) {
    (void)state;
    static const struct when_hours tried[] = {{0x1f, 480, 1080}, {0x10, 1320, 360}, {0x40, 1, 0},
                                              {0x7f, 1439, 1},   {0x01, 0, 1440},   {0, 0, 1440}};
    for (size_t i = 0; i < ARRAY_LEN(tried); i++) {
        bool open[7 * 1440] = {false};
        for (unsigned day = 0; day < 7; day++) {
            if ((tried[i].days & 1U << day) == 0) continue;
            unsigned len = (1440U + tried[i].to_min - tried[i].from_min) % 1440;
            if (len == 0) len = 1440;
            for (unsigned m = 0; m < len; m++)
                open[(day * 1440 + tried[i].from_min + m) % ARRAY_LEN(open)] = true;
        }
        for (unsigned m = 0; m < ARRAY_LEN(open); m++) {
            const int64_t monday = INT64_C(1795392000); /* 2026-11-23 */
            const struct when now = {.utc_s = monday + m * 60 + 59};
            if (when_in_hours(&tried[i], 1, &now) != open[m])
                fail_msg("hours %zu, minute %u of the week", i, m);
        }
    }
}

/* Every prefix length, with the last address inside and the first one outside. */
static void networks_end_at_their_last_bit(void **state) {
    (void)state;
    for (unsigned bits = 1; bits <= 128; bits++) {
        struct network network = {.bytes = {0x20}, .prefix_bits = bits};
        if (bits < 8) network.bytes[0] = (uint8_t)(0x20U & 0xffU << (8 - bits));
        struct network_address inside, outside;
        memcpy(inside.bytes, network.bytes, 16);
        for (unsigned b = bits; b < 128; b++) inside.bytes[b / 8] |= (uint8_t)(0x80U >> b % 8);
        outside = inside;
        outside.bytes[(bits - 1) / 8] ^= (uint8_t)(0x80U >> (bits - 1) % 8);
        if (bits < 128) assert_true(network_holds(&network, &inside));
        assert_false(network_holds(&network, &outside));
    }
}

/* ---- which grant counts ---- */

static const struct str ann[] = {S("ann")}, everybody[] = {S("joe"), S("ann"), S("zoe")};
static const struct str all_phones[] = {S("*")}, lab[] = {S("lab-*")};
static const struct network office[] = {
    {.bytes = {[10] = 0xff, [11] = 0xff, [12] = 10}, .prefix_bits = 104}};
static const struct grant grants[] = {
    {.users = ann, .user_count = 1, .role = S("admin"), .phones = lab, .phone_count = 1},
    {.users = ann,
     .user_count = 1,
     .role = S("admin"),
     .phones = all_phones,
     .phone_count = 1,
     .until_s = 1000},
    {.users = ann,
     .user_count = 1,
     .role = S("helpdesk"),
     .phones = all_phones,
     .phone_count = 1,
     .from = office,
     .from_count = 1},
    {.users = everybody, .user_count = 3, .role = S("user"), .phones = lab, .phone_count = 1},
};

static void check_find(const struct policy *policy) {
    struct grant_question q = {.user = STR("ann"), .phone_id = STR("101"), .when = {500, 0}};
    q.address = (struct network_address){{[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}};
    struct grant_missed missed;
    assert_ptr_equal(grant_find(policy, &q, &missed), &grants[1]);
    assert_null(missed.grant);
    q.when.utc_s = 1000; /* the elevation is over: the next one that counts */
    assert_ptr_equal(grant_find(policy, &q, &missed), &grants[2]);
    assert_ptr_equal(missed.grant, &grants[1]);
    assert_int_equal(missed.limit, GRANT_UNTIL);
    q.address.bytes[12] = 11; /* and somewhere else: none */
    assert_null(grant_find(policy, &q, &missed));
    assert_ptr_equal(missed.grant, &grants[1]);
    assert_null(grant_find(policy, &q, NULL));
    q.phone_id = STR("lab-1"); /* one without limits comes first */
    assert_ptr_equal(grant_find(policy, &q, &missed), &grants[0]);
    assert_null(missed.grant);
    q.user = STR("zoe");
    assert_ptr_equal(grant_find(policy, &q, &missed), &grants[3]);
    q.phone_id = STR("101"); /* nothing names zoe and this phone: nothing was missed either */
    assert_null(grant_find(policy, &q, &missed));
    assert_null(missed.grant);
    q.user = STR("nobody");
    assert_null(grant_find(policy, &q, &missed));
}

static void the_first_grant_in_force_counts(void **state) {
    (void)state;
    static const uint64_t key[2] = {1, 2};
    struct policy policy = {.grants = grants, .grant_count = ARRAY_LEN(grants)};
    check_find(&policy);
    struct grant_index *index = grant_index_new(grants, ARRAY_LEN(grants), key);
    policy.grant_index = index;
    check_find(&policy);
    grant_index_free(index);
}

#define MANY 3000

/* Many people, each in many grants: the index never says anything else than the list. */
static void the_index_gives_the_answers_of_the_list(void **state) {
    (void)state;
    static const uint64_t key[2] = {5, 6};
    static char text[MANY][8];
    static struct str names[MANY];
    struct grant many[40];
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(text[i], sizeof(text[i]), "u%u", i);
        names[i] = str_of(text[i]);
    }
    for (unsigned i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (struct grant){.users = names + i * 7 % 50,
                                 .user_count = MANY / (i + 1),
                                 .phones = all_phones,
                                 .phone_count = 1,
                                 .until_s = (int64_t)i * 10};
    struct grant_index *index = grant_index_new(many, ARRAY_LEN(many), key);
    const struct policy list = {.grants = many, .grant_count = ARRAY_LEN(many)};
    const struct policy indexed = {.grants = many, .grant_count = 0, .grant_index = index};
    for (unsigned i = 0; i < MANY; i += 3) {
        const struct grant_question q = {names[i], STR("1"), {11 + i % 300, 0}, {{0}}};
        struct grant_missed a, b;
        assert_ptr_equal(grant_find(&list, &q, &a), grant_find(&indexed, &q, &b));
        assert_ptr_equal(a.grant, b.grant);
        assert_int_equal(a.limit, b.limit);
    }
    grant_index_free(index);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_those_of_the_table),
        cmocka_unit_test(every_day_of_400_years_is_the_one_libc_counts),
        cmocka_unit_test(hours_hold_in_exactly_their_minutes),
        cmocka_unit_test(networks_end_at_their_last_bit),
        cmocka_unit_test(the_first_grant_in_force_counts),
        cmocka_unit_test(the_index_gives_the_answers_of_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
