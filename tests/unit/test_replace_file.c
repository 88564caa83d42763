/* A file that is replaced keeps its mode, and its owner as far as whoever writes may give it. */
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "proxy/base/replace_file.h"

#define SERVICE 4242 /* a user and a group that own nothing here */

struct place {
    char dir[64], file[80];
};

static void make_place(struct place *place, mode_t mode) {
    snprintf(place->dir, sizeof(place->dir), "/tmp/phonegate-replace-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    snprintf(place->file, sizeof(place->file), "%s/file", place->dir);
    int fd = open(place->file, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0 && replace_file_fill(fd, STR("old")) && fchmod(fd, mode) == 0);
    close(fd);
}

static void remove_place(const struct place *place) {
    unlink(place->file);
    assert_int_equal(rmdir(place->dir), 0);
}

static bool replace(const char *path) {
    struct replace_file file = {.lock = -1};
    char error[256];
    bool good = replace_file_lock(&file, path, error, sizeof(error)) &&
                replace_file_write(&file, STR("new"), error, sizeof(error));
    if (!good) fprintf(stderr, "%s\n", error);
    replace_file_unlock(&file);
    return good;
}

static void assert_holds(const char *path, const char *text) {
    char found[16] = "";
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && read(fd, found, sizeof(found) - 1) >= 0);
    close(fd);
    assert_string_equal(found, text);
}

static void the_mode_stays(void **state) {
    (void)state;
    struct place place;
    struct stat st;
    make_place(&place, 0640);
    assert_true(replace(place.file));
    assert_holds(place.file, "new");
    assert_int_equal(stat(place.file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    remove_place(&place);
}

/* As the service, which is not root and may write to the directory: in a process of its own. */
static bool replace_as_service(const char *path) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        bool good = setgroups(0, NULL) == 0 && setgid(SERVICE) == 0 && setuid(SERVICE) == 0;
        _exit(good && replace(path) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status == 0;
}

/* The vault that root made (root:phonegate, 0640) is written by the service, too. */
static void what_root_made_is_replaced_by_its_group(void **state) {
    (void)state;
    struct place place;
    struct stat st;
    if (geteuid() != 0) skip();
    make_place(&place, 0640);
    assert_int_equal(chown(place.file, 0, SERVICE), 0);
    assert_int_equal(chown(place.dir, SERVICE, SERVICE), 0);
    assert_true(replace_as_service(place.file));
    assert_holds(place.file, "new");
    assert_int_equal(stat(place.file, &st), 0);
    assert_int_equal(st.st_uid, SERVICE);
    assert_int_equal(st.st_gid, SERVICE);
    assert_int_equal(st.st_mode & 07777, 0640);
    remove_place(&place);
}

/* Somebody else could no longer read it afterwards. */
static void what_belongs_to_another_user_stays(void **state) {
    (void)state;
    struct place place;
    if (geteuid() != 0) skip();
    make_place(&place, 0640);
    assert_int_equal(chown(place.file, SERVICE + 1, SERVICE), 0);
    assert_int_equal(chown(place.dir, SERVICE, SERVICE), 0);
    assert_false(replace_as_service(place.file));
    assert_holds(place.file, "old");
    remove_place(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mode_stays),
        cmocka_unit_test(what_root_made_is_replaced_by_its_group),
        cmocka_unit_test(what_belongs_to_another_user_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
