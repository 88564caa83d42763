#include "proxy/cmd/password.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "policy/base/bytes.h"

#define PASSWORD_ROOM 4096

static bool fail(char *error, size_t error_len, const char *what) {
    snprintf(error, error_len, "%s", what);
    return false;
}

/* The terminal without echo. Signals that would end us wait meanwhile: they show on `signals`, the
 * echo comes back, and only then they are let through. */
struct quiet {
    struct termios before;
    sigset_t mask_before;
    int signals;
};

static bool quiet_begin(struct quiet *q) {
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    sigaddset(&ending, SIGQUIT);
    sigaddset(&ending, SIGTSTP);
    if (tcgetattr(STDIN_FILENO, &q->before) != 0) return false;
    q->signals = signalfd(-1, &ending, SFD_CLOEXEC);
    if (q->signals < 0) return false;
    sigprocmask(SIG_BLOCK, &ending, &q->mask_before);
    struct termios silent = q->before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    return true;
}

static void quiet_end(struct quiet *q) {
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &q->before);
    fputc('\n', stderr);
    close(q->signals);
    sigprocmask(SIG_SETMASK, &q->mask_before, NULL);
}

/* Wait for input; false when a signal came first. */
static bool wait_for_input(const struct quiet *q) {
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = q->signals, .events = POLLIN}};
    while (poll(fds, ARRAY_LEN(fds), -1) < 0)
        if (errno != EINTR) return false;
    return fds[1].revents == 0;
}

static bool ask(const char *prompt, struct textfile *line) {
    *line = (struct textfile){.text = calloc(1, PASSWORD_ROOM)};
    ENSURE(line->text != NULL);
    struct quiet quiet;
    if (!quiet_begin(&quiet)) return false;
    fprintf(stderr, "%s: ", prompt);
    fflush(stderr);
    ssize_t got = -1;
    if (wait_for_input(&quiet)) got = read(STDIN_FILENO, line->text, PASSWORD_ROOM - 1);
    quiet_end(&quiet);
    line->len = got > 0 ? (size_t)got : 0;
    return got > 0;
}

static bool ask_twice(struct textfile *memory, char *error, size_t error_len) {
    struct textfile again = {0};
    bool good = ask("New password", memory) && ask("The same again", &again);
    if (!good)
        (void)fail(error, error_len, "no password was entered");
    else if (memory->len != again.len || !bytes_equal_ct(memory->text, again.text, again.len))
        good = fail(error, error_len, "the two are not the same");
    textfile_free(&again);
    return good;
}

static bool read_pipe(struct textfile *memory, char *error, size_t error_len) {
    *memory = (struct textfile){.text = calloc(1, PASSWORD_ROOM)};
    ENSURE(memory->text != NULL);
    while (memory->len < PASSWORD_ROOM - 1) {
        ssize_t got =
            read(STDIN_FILENO, memory->text + memory->len, PASSWORD_ROOM - 1 - memory->len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(error, error_len, "standard input cannot be read");
        if (got == 0) return true;
        memory->len += (size_t)got;
    }
    return fail(error, error_len, "the password is too long");
}

bool password_read(struct textfile *memory, struct str *password, char *error, size_t error_len) {
    bool terminal = isatty(STDIN_FILENO) == 1;
    bool good =
        terminal ? ask_twice(memory, error, error_len) : read_pipe(memory, error, error_len);
    if (!good || !textfile_password(memory, password, error, error_len)) return false;
    if (!str_is_utf8(*password)) return fail(error, error_len, "the password is not UTF-8");
    return true;
}
