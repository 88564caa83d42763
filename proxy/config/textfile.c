#include "proxy/config/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/base/bytes.h"

#define PASSWORD_MAX 1024

/* The service runs in this group (deploy/phonegate.service). Root checks its configuration and adds
 * its users without being in it. */
#define SERVICE_GROUP "phonegate"

static bool is_service_group(gid_t gid) {
    char memory[4096];
    struct group group, *found;
    return getgrnam_r(SERVICE_GROUP, &group, memory, sizeof(memory), &found) == 0 &&
           found != NULL && found->gr_gid == gid;
}

/* Is `gid` one of the program's own groups? */
static bool group_is_ours(gid_t gid) {
    if (gid == getegid() || (geteuid() == 0 && is_service_group(gid))) return true;
    gid_t groups[256];
    int count = getgroups((int)ARRAY_LEN(groups), groups);
    for (int i = 0; i < count; i++)
        if (groups[i] == gid) return true;
    return false;
}

static bool mode_is_private(const struct stat *st, enum textfile_kind kind, char *error,
                            size_t error_len) {
    if ((st->st_mode & (S_IROTH | S_IWOTH)) != 0) {
        snprintf(error, error_len, "others may read or write it (mode %04o): chmod o-rwx",
                 (unsigned)st->st_mode & 07777U);
        return false;
    }
    if (kind == TEXTFILE_SECRET && (st->st_mode & (S_IRGRP | S_IWGRP)) != 0 &&
        !group_is_ours(st->st_gid)) {
        snprintf(error, error_len,
                 "group %u, which is not the program's own, may read or write it (mode %04o)",
                 (unsigned)st->st_gid, (unsigned)st->st_mode & 07777U);
        return false;
    }
    return true;
}

/* A descriptor on a regular file of the right permissions and size, or -1. O_NONBLOCK: a FIFO must
 * not hold us up before we have seen that it is none. */
static int open_checked(const char *path, enum textfile_kind kind, struct stat *st, char *error,
                        size_t error_len) {
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, st) != 0) {
        snprintf(error, error_len, "%s", strerror(errno));
    } else if (!S_ISREG(st->st_mode)) {
        snprintf(error, error_len, "not a regular file");
    } else if (kind == TEXTFILE_PUBLIC || mode_is_private(st, kind, error, error_len)) {
        return fd;
    }
    if (fd >= 0) close(fd);
    return -1;
}

/* Up to `max` bytes into `text`; -1 on error, max when there may be more. */
static ssize_t read_all(int fd, char *text, size_t max) {
    size_t len = 0;
    while (len < max) {
        ssize_t got = read(fd, text + len, max - len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        len += (size_t)got;
    }
    return (ssize_t)len;
}

bool textfile_read(const char *path, enum textfile_kind kind, size_t max, struct textfile *file,
                   char *error, size_t error_len) {
    *file = (struct textfile){0};
    struct stat st;
    int fd = open_checked(path, kind, &st, error, error_len);
    if (fd < 0) return false;
    size_t room = (size_t)st.st_size + 1; /* one more shows a file that grows meanwhile */
    if ((uint64_t)st.st_size > max) {
        snprintf(error, error_len, "larger than %zu bytes", max);
        close(fd);
        return false;
    }
    file->text = malloc(room + 1);
    ENSURE(file->text != NULL);
    ssize_t len = read_all(fd, file->text, room);
    if (len < 0) snprintf(error, error_len, "%s", strerror(errno));
    close(fd);
    file->len = len < 0 ? 0 : (size_t)len;
    file->text[file->len] = '\0';
    if (len >= 0 && (size_t)len < room) return true;
    if (len >= 0) snprintf(error, error_len, "it changed while it was read");
    textfile_free(file);
    return false;
}

void textfile_free(struct textfile *file) {
    if (file->text != NULL) bytes_wipe(file->text, file->len);
    free(file->text);
    *file = (struct textfile){0};
}

bool textfile_is_private(const char *path, char *error, size_t error_len) {
    struct stat st;
    int fd = open_checked(path, TEXTFILE_SECRET, &st, error, error_len);
    if (fd < 0) return false;
    close(fd);
    return true;
}

bool textfile_password(const struct textfile *file, struct str *password, char *error,
                       size_t error_len) {
    struct str all = {file->text, file->len};
    size_t end = str_find(all, '\n', 0);
    struct str line = str_part(all, 0, end);
    const char *problem = NULL;
    if (end + 1 < all.len) problem = "there is more than one line";
    if (end < all.len && line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
    for (size_t i = 0; i < line.len && problem == NULL; i++)
        if ((unsigned char)line.ptr[i] < 0x20 || line.ptr[i] == 0x7f)
            problem = "the password holds a control character";
    if (line.len == 0 && problem == NULL) problem = "the password is empty";
    if (line.len > PASSWORD_MAX && problem == NULL) problem = "the password is too long";
    if (problem != NULL) snprintf(error, error_len, "%s", problem);
    *password = line;
    return problem == NULL;
}

bool textfile_directory_is_private(const char *path, char *error, size_t error_len) {
    struct stat st;
    if (stat(path, &st) != 0) {
        snprintf(error, error_len, "%s", strerror(errno));
    } else if (!S_ISDIR(st.st_mode)) {
        snprintf(error, error_len, "not a directory");
    } else if ((st.st_mode & S_IXOTH) != 0) {
        snprintf(error, error_len, "others can enter it (mode %04o): chmod 700",
                 (unsigned)st.st_mode & 07777U);
    } else {
        return mode_is_private(&st, TEXTFILE_SECRET, error, error_len);
    }
    return false;
}
