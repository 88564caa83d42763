/* A vault that was cut, altered or put together from others: what is hit is refused by its name,
 * the rest is read, and what is damaged is not written away. */
#include "vault_fixture.h"

#define PASS STR("http_pass")

static const struct {
    const char *phone;
    enum vault_which which;
    const char *value;
} records[] = {{"101", VAULT_CURRENT, "first-secret"},
               {"101", VAULT_CANDIDATE, "next-secret"},
               {"102", VAULT_CURRENT, "other-secret"}};

static int setup(void **state) {
    static struct vault_fixture f;
    vault_fixture_init(&f);
    vault_fixture_fill(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    vault_fixture_deinit(*state);
    return 0;
}

static bool says(const struct vault *v, const char *wanted) {
    char text[256];
    for (size_t at = 0; vault_damage(v, &at, text, sizeof(text));)
        if (strstr(text, wanted) != NULL) return true;
    return false;
}

static bool is_whole(const struct vault *v) {
    char text[256];
    size_t at = 0;
    return !vault_damage(v, &at, text, sizeof(text));
}

/* Each record is right or refused, and something is said where one is. Returns how many are right;
 * -1 where the whole is refused. */
static int look(struct vault_fixture *f) {
    struct vault *v = vault_open(f->path, &f->source, false, f->error, sizeof(f->error));
    if (v == NULL) {
        assert_non_null(strstr(f->error, f->path));
        return -1;
    }
    int right = 0;
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        struct str value = vault_fixture_get(v, records[i].phone, records[i].which);
        if (value.len == 0) continue;
        assert_true(str_equal(value, str_of(records[i].value)));
        right++;
    }
    if (right < (int)ARRAY_LEN(records)) assert_false(is_whole(v));
    vault_close(v);
    return right;
}

static void every_length_that_it_may_be_cut_to(void **state) {
    struct vault_fixture *f = *state;
    char text[VAULT_TEXT_MAX];
    size_t len = vault_fixture_read(f->path, text);
    size_t header = str_find((struct str){text, len}, '\n', 0);
    size_t index = str_find((struct str){text, len}, '\n', header + 1);
    int seen = 0;
    for (size_t cut = 0; cut < len; cut++) {
        vault_fixture_write(f->path, text, cut, 0600);
        int right = look(f);
        if (cut < header)
            assert_int_equal(right, -1);
        else if (cut < index)
            assert_int_equal(right, 0);
        else if (cut < len - 1)
            assert_in_range(right, 0, 2);
        else
            assert_int_equal(right, 3); /* only the last line's end is missing */
        assert_true(right == -1 || right >= seen);
        seen = right;
    }
}

static void a_record_that_was_cut_off_is_named(void **state) {
    struct vault_fixture *f = *state;
    char text[VAULT_TEXT_MAX];
    size_t len = vault_fixture_read(f->path, text);
    const char *last = memmem(text, len, "102 ", 4);
    assert_non_null(last);
    vault_fixture_write(f->path, text, (size_t)(last - text), 0600);
    struct vault *v = vault_fixture_open(f, false);
    assert_true(says(v, "102 http_pass current: it is missing"));
    assert_non_null(vault_problem(v, STR("102"), PASS, VAULT_CURRENT));
    assert_null(vault_problem(v, STR("101"), PASS, VAULT_CURRENT));
    assert_null(vault_problem(v, STR("103"), PASS, VAULT_CURRENT));
    vault_close(v);
}

static void every_byte_altered(void **state) {
    struct vault_fixture *f = *state;
    char text[VAULT_TEXT_MAX];
    size_t len = vault_fixture_read(f->path, text);
    size_t header = str_find((struct str){text, len}, '\n', 0);
    static const unsigned char flips[] = {0x01, 0x20, 0x80};
    for (size_t at = 0; at < len; at++)
        for (size_t i = 0; i < ARRAY_LEN(flips); i++) {
            bool joins = text[at] == '\n'; /* two lines, and both are hit */
            text[at] = (char)(text[at] ^ flips[i]);
            vault_fixture_write(f->path, text, len, 0600);
            int right = look(f);
            if (at <= header) {
                assert_int_equal(right, -1);
            } else {
                struct vault *v = vault_fixture_open(f, false);
                assert_false(is_whole(v));
                vault_close(v);
                assert_in_range(right, joins ? 1 : 2, 3);
            }
            text[at] = (char)(text[at] ^ flips[i]);
        }
}

/* ---- lines put together anew ---- */

struct lines {
    char text[VAULT_TEXT_MAX];
    struct str line[16];
    size_t count;
};

static void read_lines(const struct vault_fixture *f, struct lines *lines) {
    struct str rest = {lines->text, vault_fixture_read(f->path, lines->text)};
    for (lines->count = 0; str_split(&rest, '\n', &lines->line[lines->count]); lines->count++)
        if (rest.ptr == NULL) break;
    assert_int_equal(lines->count, 5);
}

static void write_lines(const struct vault_fixture *f, const struct str *line, size_t count) {
    char text[2 * VAULT_TEXT_MAX];
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(text + len, line[i].ptr, line[i].len);
        len += line[i].len;
        text[len++] = '\n';
    }
    vault_fixture_write(f->path, text, len, 0600);
}

/* `name` with what `value` seals. */
static struct str joined(char memory[512], struct str name, struct str value) {
    size_t cut = name.len, from = value.len;
    while (name.ptr[cut - 1] != ' ') cut--;
    while (value.ptr[from - 1] != ' ') from--;
    memcpy(memory, name.ptr, cut);
    memcpy(memory + cut, value.ptr + from, value.len - from);
    return (struct str){memory, cut + value.len - from};
}

static void swapped_records_are_refused(void **state) {
    struct vault_fixture *f = *state;
    struct lines lines;
    char one[512], two[512];
    read_lines(f, &lines);
    struct str mixed[5];
    memcpy(mixed, lines.line, sizeof(mixed));
    mixed[2] = joined(one, lines.line[2], lines.line[4]);
    mixed[4] = joined(two, lines.line[4], lines.line[2]);
    write_lines(f, mixed, 5);
    assert_int_equal(look(f), 1);
    struct vault *v = vault_fixture_open(f, false);
    assert_true(says(v, "101 http_pass current: it was altered, or belongs elsewhere"));
    assert_true(says(v, "102 http_pass current: it was altered, or belongs elsewhere"));
    vault_close(v);
    /* The order of lines means nothing. */
    struct str turned[5] = {lines.line[0], lines.line[1], lines.line[4], lines.line[3],
                            lines.line[2]};
    write_lines(f, turned, 5);
    assert_int_equal(look(f), 3);
}

static void a_candidate_is_not_made_current_by_renaming(void **state) {
    struct vault_fixture *f = *state;
    struct lines lines;
    char memory[512];
    read_lines(f, &lines);
    lines.line[2] = joined(memory, lines.line[2], lines.line[3]);
    write_lines(f, lines.line, 5);
    assert_int_equal(look(f), 2);
}

static void a_record_of_another_vault_does_not_open(void **state) {
    struct vault_fixture *f = *state;
    struct lines ours, others;
    read_lines(f, &ours);
    unlink(f->path);
    vault_fixture_fill(f); /* the same key, names and values */
    read_lines(f, &others);
    struct str mixed[5] = {ours.line[0], ours.line[1], others.line[2], ours.line[3], ours.line[4]};
    write_lines(f, mixed, 5);
    assert_int_equal(look(f), 2);
    mixed[1] = others.line[1];
    mixed[2] = ours.line[2];
    write_lines(f, mixed, 5);
    struct vault *v = vault_fixture_open(f, false);
    assert_true(says(v, "the index was altered"));
    assert_true(str_equal(vault_fixture_get(v, "101", VAULT_CURRENT), STR("first-secret")));
    vault_close(v);
}

static void an_older_record_put_back_is_refused(void **state) {
    struct vault_fixture *f = *state;
    struct lines before, after;
    read_lines(f, &before);
    struct vault *v = vault_fixture_open(f, false);
    assert_true(vault_promote(v, STR("101"), PASS));
    vault_fixture_commit(f, v);
    vault_close(v);
    char text[VAULT_TEXT_MAX];
    struct str rest = {text, vault_fixture_read(f->path, text)};
    for (after.count = 0; after.count < 4; after.count++)
        assert_true(str_split(&rest, '\n', &after.line[after.count]));
    struct str mixed[5] = {after.line[0], after.line[1], before.line[2], after.line[3],
                           before.line[3]};
    write_lines(f, mixed, 5);
    v = vault_fixture_open(f, false);
    assert_true(says(v, "101 http_pass current: it is an older one of this vault"));
    assert_true(says(v, "101 http_pass candidate: it is not in the index"));
    assert_int_equal(vault_fixture_get(v, "101", VAULT_CURRENT).len, 0);
    assert_int_equal(vault_fixture_get(v, "101", VAULT_CANDIDATE).len, 0);
    assert_true(str_equal(vault_fixture_get(v, "102", VAULT_CURRENT), STR("other-secret")));
    vault_close(v);
    /* The whole file as it was: in good order, and its generation shows it. */
    write_lines(f, before.line, 5);
    v = vault_fixture_open(f, false);
    assert_true(is_whole(v));
    assert_int_equal(vault_generation(v), 1);
    vault_close(v);
}

static void a_record_that_stands_twice_is_said(void **state) {
    struct vault_fixture *f = *state;
    struct lines lines;
    read_lines(f, &lines);
    lines.line[5] = lines.line[2];
    lines.line[6] = STR("# a remark");
    lines.line[7] = lines.line[1];
    write_lines(f, lines.line, 8);
    assert_int_equal(look(f), 3);
    struct vault *v = vault_fixture_open(f, false);
    assert_true(says(v, "line 6: a record of this name stands above"));
    assert_true(says(v, "line 7: this is no record"));
    assert_true(says(v, "line 8: this is no record"));
    vault_close(v);
}

/* ---- writing ---- */

static void what_is_damaged_is_kept_when_others_are_written(void **state) {
    struct vault_fixture *f = *state;
    struct lines lines;
    char altered[512];
    read_lines(f, &lines);
    memcpy(altered, lines.line[2].ptr, lines.line[2].len);
    altered[lines.line[2].len - 1] ^= 1;
    struct str mixed[4] = {
        lines.line[0], lines.line[1], {altered, lines.line[2].len}, STR("nonsense")};
    write_lines(f, mixed, 4); /* and two are missing */
    for (int round = 0; round < 2; round++) {
        struct vault *v = vault_fixture_open(f, false);
        assert_true(says(v, "101 http_pass current: it was altered"));
        assert_true(says(v, "101 http_pass candidate: it is missing"));
        assert_true(says(v, "102 http_pass current: it is missing"));
        assert_true(says(v, "this is no record"));
        assert_true(vault_put(v, STR("103"), PASS, VAULT_CURRENT, STR("new")));
        vault_fixture_commit(f, v);
        assert_true(says(v, "101 http_pass current: it was altered"));
        vault_close(v);
    }
    char text[VAULT_TEXT_MAX];
    size_t len = vault_fixture_read(f->path, text);
    assert_non_null(memmem(text, len, altered, lines.line[2].len));
    assert_non_null(memmem(text, len, "\nnonsense\n", 10));
    /* Whoever has the missing line still may put it back. */
    vault_fixture_write(f->path, text, len, 0600);
    int fd = open(f->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, lines.line[4].ptr, lines.line[4].len), lines.line[4].len);
    close(fd);
    assert_int_equal(look(f), 1);
}

static void a_new_value_takes_the_place_of_a_damaged_one(void **state) {
    struct vault_fixture *f = *state;
    struct lines lines;
    read_lines(f, &lines);
    write_lines(f, lines.line, 3);
    struct vault *v = vault_fixture_open(f, false);
    assert_true(vault_put(v, STR("102"), PASS, VAULT_CURRENT, STR("other-secret")));
    assert_true(vault_drop(v, STR("101"), PASS, VAULT_CANDIDATE));
    vault_fixture_commit(f, v);
    vault_close(v);
    v = vault_fixture_open(f, false);
    assert_true(is_whole(v));
    assert_true(str_equal(vault_fixture_get(v, "102", VAULT_CURRENT), STR("other-secret")));
    vault_close(v);
}

static void a_damaged_index_is_kept_and_a_new_one_made(void **state) {
    struct vault_fixture *f = *state;
    struct lines lines;
    char altered[512];
    read_lines(f, &lines);
    memcpy(altered, lines.line[1].ptr, lines.line[1].len);
    altered[20] ^= 1;
    lines.line[1].ptr = altered;
    write_lines(f, lines.line, 5);
    struct vault *v = vault_fixture_open(f, false);
    assert_true(says(v, "the index was altered"));
    assert_true(vault_put(v, STR("103"), PASS, VAULT_CURRENT, STR("new")));
    vault_fixture_commit(f, v);
    vault_close(v);
    assert_int_equal(look(f), 3);
    v = vault_fixture_open(f, false);
    assert_true(says(v, "this is no record"));
    assert_false(says(v, "the index"));
    vault_close(v);
    char text[VAULT_TEXT_MAX];
    size_t len = vault_fixture_read(f->path, text);
    assert_non_null(memmem(text, len, altered, lines.line[1].len));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_length_that_it_may_be_cut_to),
        TEST(a_record_that_was_cut_off_is_named),
        TEST(every_byte_altered),
        TEST(swapped_records_are_refused),
        TEST(a_candidate_is_not_made_current_by_renaming),
        TEST(a_record_of_another_vault_does_not_open),
        TEST(an_older_record_put_back_is_refused),
        TEST(a_record_that_stands_twice_is_said),
        TEST(what_is_damaged_is_kept_when_others_are_written),
        TEST(a_new_value_takes_the_place_of_a_damaged_one),
        TEST(a_damaged_index_is_kept_and_a_new_one_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
