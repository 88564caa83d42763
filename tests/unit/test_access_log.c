/* The queue of access records: numbered, never cut, kept while the disk refuses them. */
#include "proxy/record/access_log.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <jansson.h>

/* Behind the four headers that it needs. */
#include <cmocka.h>
#include <errno.h>

struct place {
    char directory[64];
    char path[96], other[96];
};

/* What write() says instead of writing to a file, how many times: 0 octets where `error` is 0. */
static struct {
    unsigned times;
    int error;
} refusal;

ssize_t write(int fd, const void *octets, size_t len) {
    if (refusal.times == 0 || fd <= STDERR_FILENO) return syscall(SYS_write, fd, octets, len);
    refusal.times--;
    errno = refusal.error;
    return refusal.error == 0 ? 0 : -1;
}

static int make_place(void **state) {
    struct place *p = calloc(1, sizeof(*p));
    ENSURE(p != NULL);
    (void)snprintf(p->directory, sizeof(p->directory), "/tmp/phonegate-log-XXXXXX");
    if (mkdtemp(p->directory) == NULL) return -1;
    (void)snprintf(p->path, sizeof(p->path), "%s/access.log", p->directory);
    (void)snprintf(p->other, sizeof(p->other), "%s/rotated", p->directory);
    *state = p;
    return 0;
}

static int remove_place(void **state) {
    struct place *p = *state;
    (void)unlink(p->path);
    (void)unlink(p->other);
    int rc = rmdir(p->directory);
    free(p);
    return rc;
}

/* Every line is an object with the next number; how many there are. */
static unsigned count_lines(const char *path, json_int_t first) {
    static char line[8192];
    unsigned lines = 0;
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        json_error_t error;
        json_t *record = json_loads(line, JSON_REJECT_DUPLICATES, &error);
        if (record == NULL) fail_msg("line %u: %s: %.100s", lines, error.text, line);
        assert_int_equal(json_integer_value(json_object_get(record, "seq")), first + lines);
        assert_int_equal(line[strlen(line) - 1], '\n');
        json_decref(record);
        lines++;
    }
    assert_int_equal(fclose(file), 0);
    return lines;
}

static struct access_log *open_log(const char *path) {
    struct access_log *log = access_log_open(path);
    assert_non_null(log);
    assert_true(access_log_healthy(log));
    return log;
}

static void lines_are_numbered_and_appended(void **state) {
    const struct place *p = *state;
    struct access_log *log = open_log(p->path);
    access_log_add(log, STR("\"a\":1}"));
    access_log_add(log, STR("\"b\":2}"));
    assert_int_equal(count_lines(p->path, 1), 0); /* queued only */
    access_log_flush(log);
    assert_int_equal(count_lines(p->path, 1), 2);
    access_log_add(log, STR("\"c\":3}"));
    access_log_free(log); /* writes what waits */
    assert_int_equal(count_lines(p->path, 1), 3);
    struct stat info;
    assert_int_equal(stat(p->path, &info), 0);
    assert_int_equal(info.st_mode & 0137, 0); /* nobody but owner and group */
}

static void no_log_where_none_can_be_opened(void **state) {
    const struct place *p = *state;
    assert_null(access_log_open(p->directory));
}

/* /dev/full refuses every octet, as a full disk does. */
static void a_full_disk_is_unhealthy_until_it_is_not(void **state) {
    const struct place *p = *state;
    assert_int_equal(symlink("/dev/full", p->path), 0);
    struct access_log *log = open_log(p->path);
    access_log_add(log, STR("\"a\":1}"));
    access_log_flush(log);
    assert_false(access_log_healthy(log));
    access_log_add(log, STR("\"b\":2}"));
    access_log_flush(log);
    assert_false(access_log_healthy(log));
    assert_int_equal(unlink(p->path), 0);
    access_log_reopen(log);
    access_log_flush(log);
    assert_true(access_log_healthy(log));
    assert_int_equal(count_lines(p->path, 1), 2); /* nothing was lost */
    access_log_free(log);
}

/* Who asks again at once would never end; whatever was not taken is written later, and once. */
static void a_write_that_takes_nothing_is_a_failure_and_not_repeated(void **state) {
    const struct place *p = *state;
    struct access_log *log = open_log(p->path);
    access_log_add(log, STR("\"a\":1}"));
    refusal.times = 5;
    refusal.error = 0;
    access_log_flush(log);
    assert_int_equal(refusal.times, 4);
    refusal.times = 0;
    assert_false(access_log_healthy(log));
    access_log_flush(log);
    assert_true(access_log_healthy(log));
    assert_int_equal(count_lines(p->path, 1), 1);
    access_log_free(log);
}

static void a_write_that_is_interrupted_is_repeated(void **state) {
    const struct place *p = *state;
    struct access_log *log = open_log(p->path);
    access_log_add(log, STR("\"a\":1}"));
    refusal.times = 2;
    refusal.error = EINTR;
    access_log_flush(log);
    assert_int_equal(refusal.times, 0);
    assert_true(access_log_healthy(log));
    assert_int_equal(count_lines(p->path, 1), 1);
    access_log_free(log);
}

/* A file may grow to so many octets: the kernel takes a part of a write, then nothing. */
static void let_files_grow(rlim_t octets) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = octets;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_line_that_was_cut_goes_on_where_it_was_cut(void **state) {
    const struct place *p = *state;
    struct stat seen;
    struct access_log *log = open_log(p->path);
    (void)signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; i < 3; i++) access_log_add(log, STR("\"a\":\"0123456789\"}"));
    let_files_grow(40); /* in the second line */
    access_log_flush(log);
    assert_false(access_log_healthy(log));
    assert_int_equal(stat(p->path, &seen), 0);
    assert_int_equal(seen.st_size, 40);
    let_files_grow(RLIM_INFINITY);
    access_log_flush(log);
    assert_true(access_log_healthy(log));
    assert_int_equal(count_lines(p->path, 1), 3);
    access_log_free(log);
}

static void what_waits_is_bounded_and_whole(void **state) {
    const struct place *p = *state;
    char text[1000];
    memset(text, 'x', sizeof(text));
    memcpy(text, "\"a\":\"", 5);
    memcpy(text + sizeof(text) - 2, "\"}", 2);
    assert_int_equal(symlink("/dev/full", p->path), 0);
    struct access_log *log = open_log(p->path);
    for (int i = 0; i < 3000; i++) access_log_add(log, (struct str){text, sizeof(text)});
    assert_false(access_log_healthy(log));
    assert_int_equal(unlink(p->path), 0);
    access_log_reopen(log);
    access_log_flush(log);
    assert_true(access_log_healthy(log));
    unsigned kept = count_lines(p->path, 1);
    assert_in_range(kept, 1000, ACCESS_LOG_BUFFER / 1000);
    access_log_free(log);
}

static void after_rotation_lines_go_to_the_new_file(void **state) {
    const struct place *p = *state;
    struct access_log *log = open_log(p->path);
    access_log_add(log, STR("\"a\":1}"));
    assert_int_equal(rename(p->path, p->other), 0);
    access_log_reopen(log);
    access_log_add(log, STR("\"b\":2}"));
    access_log_flush(log);
    assert_int_equal(count_lines(p->other, 1), 1); /* what came before the rotation */
    assert_int_equal(count_lines(p->path, 2), 1);
    access_log_free(log);
}

static void a_file_that_cannot_be_opened_anew_stays_in_use(void **state) {
    const struct place *p = *state;
    struct access_log *log = open_log(p->path);
    access_log_add(log, STR("\"a\":1}"));
    assert_int_equal(rename(p->path, p->other), 0);
    assert_int_equal(mkdir(p->path, 0700), 0);
    access_log_reopen(log);
    access_log_add(log, STR("\"b\":2}"));
    access_log_flush(log);
    assert_true(access_log_healthy(log));
    assert_int_equal(count_lines(p->other, 1), 2);
    assert_int_equal(rmdir(p->path), 0);
    access_log_free(log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(lines_are_numbered_and_appended),
        TEST(no_log_where_none_can_be_opened),
        TEST(a_full_disk_is_unhealthy_until_it_is_not),
        TEST(a_write_that_takes_nothing_is_a_failure_and_not_repeated),
        TEST(a_write_that_is_interrupted_is_repeated),
        TEST(a_line_that_was_cut_goes_on_where_it_was_cut),
        TEST(what_waits_is_bounded_and_whole),
        TEST(after_rotation_lines_go_to_the_new_file),
        TEST(a_file_that_cannot_be_opened_anew_stays_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
