#include "proxy/config/users_dir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int is_users_file(const struct dirent *entry) {
    return entry->d_name[0] != '.' && entry->d_name[strlen(entry->d_name) - 1] != '~';
}

/* Not alphasort: its order depends on the locale. */
static int by_octets(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

bool users_dir_list(const char *path, char ***names, size_t *count, char *error, size_t error_len) {
    struct stat st;
    struct dirent **entries;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & S_IWOTH) != 0) {
        snprintf(error, error_len, "others may write to it: chmod o-w");
        return false;
    }
    int found = scandir(path, &entries, is_users_file, by_octets);
    if (found < 0) {
        snprintf(error, error_len, "%s", strerror(errno));
        return false;
    }
    *names = calloc((size_t)found + 1, sizeof(**names));
    ENSURE(*names != NULL);
    for (int i = 0; i < found; i++) {
        ENSURE(asprintf(&(*names)[i], "%s/%s", path, entries[i]->d_name) > 0);
        free(entries[i]);
    }
    free(entries);
    *count = (size_t)found;
    return true;
}

void users_dir_free(char **names, size_t count) {
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
}
