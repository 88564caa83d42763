#include "proxy/base/replace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(char *error, size_t error_len, const char *what) {
    snprintf(error, error_len, "%s: %s", what, strerror(errno));
    return false;
}

/* The file behind links; itself where there is none yet. */
static char *follow(const char *path) {
    char *real = realpath(path, NULL);
    if (real == NULL) real = strdup(path);
    ENSURE(real != NULL);
    return real;
}

static char *directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *directory = slash == NULL   ? strdup(".")
                      : slash == path ? strdup("/")
                                      : strndup(path, (size_t)(slash - path));
    ENSURE(directory != NULL);
    return directory;
}

bool replace_file_lock(struct replace_file *file, const char *path, char *error, size_t error_len) {
    file->path = follow(path);
    file->directory = directory_of(file->path);
    /* The directory, not the file: a rename would leave waiters with the lock of the old one. */
    file->lock = open(file->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file->lock >= 0 && flock(file->lock, LOCK_EX) == 0) return true;
    (void)fail(error, error_len, file->directory);
    replace_file_unlock(file);
    return false;
}

void replace_file_unlock(struct replace_file *file) {
    if (file->lock >= 0) close(file->lock);
    free(file->path);
    free(file->directory);
    *file = (struct replace_file){.lock = -1};
}

bool replace_file_fill(int fd, struct str text) {
    while (text.len > 0) {
        ssize_t done = write(fd, text.ptr, text.len);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return false;
        text = str_part(text, (size_t)done, text.len);
    }
    return fsync(fd) == 0;
}

/* Mode and owner of the old file; the new one is 0600 and ours. What root made stays
 * ours where we are not root, such as the service that writes the vault: root reads it anyway. */
static bool copy_owner(int fd, const char *path) {
    struct stat old, new;
    if (stat(path, &old) != 0) return errno == ENOENT;
    if (fstat(fd, &new) != 0) return false;
    if (old.st_uid == 0 && geteuid() != 0) old.st_uid = new.st_uid;
    bool same = old.st_uid == new.st_uid &&old.st_gid == new.st_gid;
    if (!same && fchown(fd, old.st_uid, old.st_gid) != 0) return false;
    return fchmod(fd, old.st_mode & 07777) == 0;
}

bool replace_file_write(const struct replace_file *file, struct str text, char *error,
                        size_t error_len) {
    char *name;
    /* A leading dot: readers of a users directory pass it over. One name, since the directory is
     * ours: what a writer left that was killed does not stay, it may hold passwords. */
    ENSURE(asprintf(&name, "%s/.phonegate-new", file->directory) > 0);
    (void)unlink(name);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool good = fd >= 0 && copy_owner(fd, file->path) && replace_file_fill(fd, text) &&
                rename(name, file->path) == 0;
    if (!good) {
        (void)fail(error, error_len, fd < 0 ? file->directory : file->path);
        if (fd >= 0) unlink(name);
    }
    if (fd >= 0) close(fd);
    free(name);
    if (!good || fsync(file->lock) == 0 || errno == EINVAL) return good;
    /* The name too. A file system that cannot say so (EINVAL) is no failure. */
    return fail(error, error_len, file->directory);
}
