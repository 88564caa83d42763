#include "proxy/cmd/control_ask.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "policy/base/outbuf.h"
#include "proxy/cmd/cmd.h"
#include "proxy/run/control_line.h"

#define PATIENCE_S 30 /* a reload reads 100,000 users */
#define ANSWER_MAX 4096

static int complain(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);

static int complain(const char *command, const char *format, ...) {
    va_list args;
    va_start(args, format);
    cmd_complain(command, format, args);
    va_end(args);
    return CMD_NO;
}

static int connect_to(struct str dir) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    struct outbuf path;
    outbuf_init(&path, addr.sun_path, sizeof(addr.sun_path) - 1);
    outbuf_put(&path, dir);
    outbuf_put(&path, STR("/" CONTROL_SOCKET));
    errno = ENAMETOOLONG;
    int fd = path.full ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Everything up to the end, or -1. */
static ssize_t talk(int fd, struct str line, char *answer, size_t size) {
    size_t len = 0;
    if (send(fd, line.ptr, line.len, MSG_NOSIGNAL) != (ssize_t)line.len) return -1;
    while (len < size) {
        ssize_t got = read(fd, answer + len, size - len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        len += (size_t)got;
    }
    return (ssize_t)len;
}

static int print_answer(const char *command, struct str answer) {
    struct str word, line;
    if (!str_split(&answer, ' ', &word) || answer.ptr == NULL)
        return complain(command, "the gate gave no answer");
    bool good = str_equal(word, STR("ok"));
    while (str_split(&answer, '\n', &line) && (line.len > 0 || answer.ptr != NULL)) {
        cmd_print(good ? stdout : stderr, line);
        fputc('\n', good ? stdout : stderr);
    }
    return good ? CMD_FINE : CMD_NO;
}

int control_ask(const char *command, struct str dir, const char *verb, struct str name) {
    char memory[CONTROL_LINE_MAX + 1];
    char answer[ANSWER_MAX];
    struct outbuf line;
    if (dir.len == 0)
        return complain(command,
                        "the configuration has no \"state_dir\", where a gate can be asked");
    outbuf_init(&line, memory, sizeof(memory));
    outbuf_put(&line, str_of(verb));
    if (name.len > 0) outbuf_char(&line, ' ');
    outbuf_put(&line, name);
    struct control_command parsed;
    if (line.full || !control_parse(outbuf_str(&line), &parsed))
        return complain(command, "this is no name: %s", name.ptr != NULL ? name.ptr : "");
    outbuf_char(&line, '\n');
    int fd = connect_to(dir);
    if (fd < 0)
        return complain(command, "no gate answers at " STR_FMT "/" CONTROL_SOCKET ": %s",
                        STR_ARG(dir), strerror(errno));
    ssize_t got = talk(fd, outbuf_str(&line), answer, sizeof(answer));
    int error = errno;
    close(fd);
    if (got < 0) return complain(command, "the gate does not answer: %s", strerror(error));
    return print_answer(command, (struct str){answer, (size_t)got});
}

void control_reload(const char *command, struct str dir) {
    int fd = dir.len > 0 ? connect_to(dir) : -1;
    if (fd < 0 && dir.len > 0)
        fprintf(stderr, "note: no gate answers in " STR_FMT " (%s), so none is told\n",
                STR_ARG(dir), strerror(errno));
    else if (fd < 0)
        fprintf(stderr, "note: no \"state_dir\", so no running gate is told: "
                        "`systemctl reload phonegate`\n");
    else
        (void)control_ask(command, dir, "reload", STR_NONE);
    if (fd >= 0) close(fd);
}

enum control_told control_tell(struct str dir, const char *verb) {
    char text[CONTROL_LINE_MAX + 1], answer[ANSWER_MAX];
    struct outbuf line;
    int fd = dir.len > 0 ? connect_to(dir) : -1;
    if (fd < 0) return CONTROL_NOBODY;
    outbuf_init(&line, text, sizeof(text));
    outbuf_put(&line, str_of(verb));
    outbuf_char(&line, '\n');
    ssize_t got = line.full ? -1 : talk(fd, outbuf_str(&line), answer, sizeof(answer));
    close(fd);
    bool good = got > 0 && str_starts_with((struct str){answer, (size_t)got}, STR("ok "));
    return good ? CONTROL_TOLD : CONTROL_REFUSED;
}
