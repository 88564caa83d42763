/* What the service manager is told, and that nobody is told where nobody asked. */
#include "proxy/run/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A service manager at `name`, where '@' stands for a name in no file system. */
static int listen_at(const char *name) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    memcpy(addr.sun_path, name, len);
    if (name[0] == '@') addr.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    assert_int_equal(bind(fd, (const struct sockaddr *)&addr, size), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

static void assert_told(int fd, const char *text) {
    char got[64] = "";
    assert_int_equal(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), strlen(text));
    assert_string_equal(got, text);
}

static void a_socket_in_the_file_system(void **state) {
    (void)state;
    char dir[] = "/tmp/phonegate-notify-XXXXXX", name[64];
    assert_non_null(mkdtemp(dir));
    snprintf(name, sizeof(name), "%s/notify", dir);
    int fd = listen_at(name);
    process_tell("READY=1");
    assert_told(fd, "READY=1");
    process_tell("STOPPING=1");
    assert_told(fd, "STOPPING=1");
    close(fd);
    unlink(name);
    process_tell("READY=1"); /* nobody is there any more */
    rmdir(dir);
}

static void a_name_without_a_file(void **state) {
    (void)state;
    char name[64];
    snprintf(name, sizeof(name), "@phonegate-notify-%d", (int)getpid());
    int fd = listen_at(name);
    process_tell("READY=1");
    assert_told(fd, "READY=1");
    close(fd);
}

static void nobody_asked(void **state) {
    (void)state;
    char longest[300];
    int fd = listen_at("@phonegate-notify-none");
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    setenv("NOTIFY_SOCKET", longest, 1);
    process_tell("READY=1");
    setenv("NOTIFY_SOCKET", "", 1);
    process_tell("READY=1");
    unsetenv("NOTIFY_SOCKET");
    process_tell("READY=1");
    char got[8];
    assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), -1);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_in_the_file_system),
        cmocka_unit_test(a_name_without_a_file),
        cmocka_unit_test(nobody_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
