/* The writer of a vault is killed (SIGKILL) before and after each of its system calls: what is
 * there afterwards is all of the old or all of the new, and the next writer goes on.
 *
 * The calls that write are defined here, in front of the C library's: they count, and kill. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <dirent.h>

#include "vault_fixture.h"

#define PASS      STR("http_pass")
#define STEPS_MAX 63
#define NEVER     (-1)

/* Shared with the children. */
struct steps {
    int count, kill_at, fail_at;
    char log[STEPS_MAX + 1]; /* w write, m mode, s sync of the file, r rename, d of the directory */
};

static struct steps *steps;
static bool counting; /* in a child, while it changes the vault */

/* True: the call shall fail. */
static bool before(char what) {
    if (!counting) return false;
    int number = steps->count++;
    if (number < STEPS_MAX) steps->log[number] = what;
    if (number == steps->kill_at) raise(SIGKILL);
    if (number != steps->fail_at) return false;
    errno = EIO;
    return true;
}

/* The call has happened. */
static long after(long result) {
    if (!counting) return result;
    int number = steps->count++;
    if (number < STEPS_MAX) steps->log[number] = '.';
    if (number == steps->kill_at) raise(SIGKILL);
    return result;
}

int fsync(int fd) {
    struct stat st;
    bool directory = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    return before(directory ? 'd' : 's') ? -1 : (int)after(syscall(SYS_fsync, fd));
}

int rename(const char *from, const char *to) {
    return before('r') ? -1 : (int)after(syscall(SYS_rename, from, to));
}

/* In pieces, so that one of the kills comes in the middle. */
ssize_t write(int fd, const void *text, size_t len) {
    if (counting && len > 300) len = 300;
    return before('w') ? -1 : after(syscall(SYS_write, fd, text, len));
}

int fchmod(int fd, mode_t mode) {
    return before('m') ? -1 : (int)after(syscall(SYS_fchmod, fd, mode));
}

static bool change(struct vault_fixture *f) {
    struct vault *v = vault_open(f->path, &f->source, false, f->error, sizeof(f->error));
    bool good = v != NULL && vault_promote(v, STR("101"), PASS) &&
                vault_put(v, STR("103"), PASS, VAULT_CURRENT, STR("new-secret")) &&
                vault_commit(v, f->error, sizeof(f->error));
    vault_close(v);
    return good;
}

/* change() in a child; what waitpid says of it. */
static int change_in_child(struct vault_fixture *f, int kill_at, int fail_at) {
    int status = 0;
    *steps = (struct steps){.kill_at = kill_at, .fail_at = fail_at};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        counting = true;
        _exit(change(f) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

enum state { STATE_OLD, STATE_NEW };

static enum state look(struct vault_fixture *f) {
    char text[256];
    size_t at = 0;
    struct vault *v = vault_fixture_open(f, false);
    assert_false(vault_damage(v, &at, text, sizeof(text)));
    enum state found = vault_generation(v) == 1 ? STATE_OLD : STATE_NEW;
    assert_in_range(vault_generation(v), 1, 2);
    struct str current = vault_fixture_get(v, "101", VAULT_CURRENT);
    struct str candidate = vault_fixture_get(v, "101", VAULT_CANDIDATE);
    struct str added = vault_fixture_get(v, "103", VAULT_CURRENT);
    bool old = found == STATE_OLD;
    assert_true(str_equal(current, old ? STR("first-secret") : STR("next-secret")));
    assert_true(str_equal(candidate, old ? STR("next-secret") : STR("")));
    assert_true(str_equal(added, old ? STR("") : STR("new-secret")));
    vault_close(v);
    return found;
}

/* Temporary files of writers that were killed; they hold nothing in clear. */
static int remove_leftovers(const struct vault_fixture *f) {
    int count = 0;
    DIR *dir = opendir(f->dir);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strncmp(entry->d_name, ".phonegate-", 11) != 0) continue;
        assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
        count++;
    }
    closedir(dir);
    return count;
}

static int setup(void **state) {
    static struct vault_fixture f;
    vault_fixture_init(&f);
    vault_fixture_fill(&f);
    int fd = memfd_create("steps", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, sizeof(*steps)), 0);
    steps = mmap(NULL, sizeof(*steps), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(steps, MAP_FAILED);
    close(fd);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    vault_fixture_deinit(*state);
    munmap(steps, sizeof(*steps));
    return 0;
}

static void renew(struct vault_fixture *f) {
    assert_int_equal(unlink(f->path), 0);
    vault_fixture_fill(f);
}

/* Written, synced, renamed, the directory synced: in this order, or a power cut may show less. */
static void the_order_of_steps(void **state) {
    struct vault_fixture *f = *state;
    assert_int_equal(change_in_child(f, NEVER, NEVER), 0);
    char order[STEPS_MAX + 1] = "";
    size_t len = 0;
    for (const char *c = steps->log; *c != '\0'; c++)
        if (*c != '.' && (len == 0 || order[len - 1] != *c)) order[len++] = *c;
    assert_string_equal(order, "mwsrd");
    assert_int_equal(look(f), STATE_NEW);
}

static void killed_at_each_step(void **state) {
    struct vault_fixture *f = *state;
    assert_int_equal(change_in_child(f, NEVER, NEVER), 0);
    const int count = steps->count;
    assert_in_range(count, 10, STEPS_MAX);
    int renamed = 0;
    while (steps->log[renamed] != 'r') renamed++;
    for (int at = 0; at < count; at++) {
        renew(f);
        int status = change_in_child(f, at, NEVER);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_int_equal(look(f), at <= renamed ? STATE_OLD : STATE_NEW);
        assert_int_equal(remove_leftovers(f), at <= renamed ? 1 : 0);
        /* The dead writer's lock went with it: the next one writes. */
        if (at > renamed) continue;
        assert_true(change(f));
        assert_int_equal(look(f), STATE_NEW);
    }
}

static void failing_at_each_step(void **state) {
    struct vault_fixture *f = *state;
    assert_int_equal(change_in_child(f, NEVER, NEVER), 0);
    const int count = steps->count;
    const struct steps order = *steps;
    for (int at = 0; at < count; at++) {
        if (order.log[at] == '.') continue;
        renew(f);
        int status = change_in_child(f, NEVER, at);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        assert_int_equal(look(f), order.log[at] == 'd' ? STATE_NEW : STATE_OLD);
        assert_int_equal(remove_leftovers(f), 0); /* it tidied up */
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_order_of_steps),
        TEST(killed_at_each_step),
        TEST(failing_at_each_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
