#include <dirent.h>
#include <fcntl.h>
#include "host/budget.h"
#include "host/clock.h"
#include "host/path.h"
#include "text/size.h"

#define PERIOD_MS 500 /* between two looks, and eight times what a look takes */

struct count {
    const struct budget *budget;
    int64_t bytes, files;
    int depth;
};

static bool is_over(const struct count *c)
{
    return c->bytes > c->budget->bytes || c->files > c->budget->files || c->depth > BUDGET_DEPTH;
}

/* Never by a path: what fills the directory may put a link where a directory was. */
static int open_directory(int dirfd, const char *name)
{
    const int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dirfd, name, O_RDONLY | flags);
    if (fd >= 0 || errno != EACCES)
        return fd;
    own(fd_fini) int closed = openat(dirfd, name, O_PATH | flags);
    own(str_fini) char *magic = str_print("/proc/self/fd/%d", closed);
    struct stat st;
    if (closed < 0 || fstat(closed, &st) < 0 || chmod(magic, (st.st_mode & 0777) | 0700) < 0)
        return -1;
    return openat(dirfd, name, O_RDONLY | flags);
}

static void count_directory(struct count *c, int dirfd, const char *name);

/* A file with several names counts once, in parts. */
static void count_entry(struct count *c, int dirfd, const char *name)
{
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return; /* it went meanwhile */
    c->files++;
    if (S_ISDIR(st.st_mode))
        count_directory(c, dirfd, name);
    else
        c->bytes += (int64_t)st.st_blocks * 512 / (int64_t)(st.st_nlink ? st.st_nlink : 1);
}

static void count_directory(struct count *c, int dirfd, const char *name)
{
    const int fd = open_directory(dirfd, name);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir && fd >= 0)
        close(fd);
    c->depth++;
    for (struct dirent *e; dir && !is_over(c) && (e = readdir(dir));)
        if (!str_same(e->d_name, ".") && !str_same(e->d_name, ".."))
            count_entry(c, fd, e->d_name);
    if (dir)
        closedir(dir);
    if (!is_over(c)) /* else it says how deep that was */
        c->depth--;
}

void budget_too_large(struct budget *b)
{
    char size[SIZE_TEXT];
    b->spent = true;
    err_set(&b->why, CODE_DATA,
            "it takes more than %s unpacked; a platform allows more with maxsize, beside "
            "oci-container (execdm-platform(5))",
            size_print(b->bytes, size));
}

static void judge(struct budget *b, const struct count *c)
{
    b->spent = true;
    if (c->bytes > b->bytes)
        budget_too_large(b);
    else if (c->files > b->files)
        err_set(&b->why, CODE_DATA,
                "it has more than %lld files; a platform allows more with maxfiles, beside "
                "oci-container (execdm-platform(5))",
                (long long)b->files);
    else
        err_set(&b->why, CODE_DATA, "its directories are more than %d deep", BUDGET_DEPTH);
}

bool budget_spent(struct budget *b, bool now)
{
    const int64_t began = clock_boot();
    if (b->spent || (!now && began < b->due))
        return b->spent;
    struct count c = {.budget = b};
    count_directory(&c, AT_FDCWD, b->dir);
    if (is_over(&c))
        judge(b, &c);
    b->due = clock_boot() + PERIOD_MS + 8 * (clock_boot() - began);
    return b->spent;
}

bool budget_stop(void *budget)
{
    struct budget *b = budget;
    return budget_spent(b, false) || (b->stop && b->stop(b->context));
}
