#include "plan/upload.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "host/clock.h"
#include "host/path.h"

#define PLANNING_MS 3600000 /* longer than any planning takes */
#define GRACE_MS 60000      /* for an accept under way when the offer expires */
#define AGAIN_MS 86400000   /* before those of a job are looked at again */
#define OWNER_MAX 4096
#define MARK ".job" /* no file of a task is called so */
#define OWNER ".owner"
#define FILE_LEAST 4096 /* what the smallest takes */

bool upload_name(const char *name)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const size_t n = strlen(name);
    return n > 0 && n <= UPLOAD_NAME_MAX && strspn(name, letters) == n && *name != '.' &&
           *name != '-';
}

static char *dir_of(const struct store *s, const char *id)
{
    return str_print("%s/uploads/%s", s->dir, id);
}

char *upload_path(const struct store *s, const char *id, const char *location)
{
    const size_t n = strlen(UPLOAD_SCHEME);
    if (!id || !location || !str_begins(location, UPLOAD_SCHEME) || !upload_name(location + n))
        return NULL;
    return str_print("%s/uploads/%s/%s", s->dir, id, location + n);
}

/* When it may go. */
static void set_time(const char *dir, int64_t ms)
{
    const struct timespec at = {ms / 1000, ms % 1000 * 1000000};
    const struct timespec both[2] = {at, at};
    utimensat(AT_FDCWD, dir, both, 0); /* else it is when a file was put into it */
}

int upload_begin(const struct store *s, const char *id, const char *owner, struct err *err)
{
    own(str_fini) char *dir = dir_of(s, id);
    own(str_fini) char *path = str_print("%s/" OWNER, dir);
    if (path_mkdirs(dir, 0700, err) < 0 || path_write(path, owner, strlen(owner), 0600, err) < 0)
        return -1;
    set_time(dir, clock_ms() + PLANNING_MS);
    return 0;
}

int upload_keep(const struct store *s, const char *id, const char *name, const char *bytes,
                size_t len, struct err *err)
{
    own(str_fini) char *dir = dir_of(s, id);
    own(str_fini) char *path = str_print("%s/%s", dir, name);
    if (path_write(path, bytes, len, 0600, err) < 0)
        return -1;
    set_time(dir, clock_ms() + PLANNING_MS);
    return 0;
}

int upload_mark(const struct store *s, const char *id, const char *job, struct err *err)
{
    own(str_fini) char *dir = id ? dir_of(s, id) : NULL;
    own(str_fini) char *mark = str_print("%s/" MARK, dir);
    if (!dir)
        return 0;
    if (path_write(mark, job, strlen(job), 0600, err) < 0)
        return -1;
    set_time(dir, clock_ms() + PLANNING_MS); /* until all can see the job */
    return 0;
}

const char *upload_of(const json_t *private)
{
    const char *id = json_text(json_object_get(private, "policy"), "uploads");
    return id ? id : json_text(private, "uploads");
}

/* The job that has them: 1, 0 when none does. */
static int marked(const char *dir, char job[UUID_TEXT])
{
    own(str_fini) char *mark = str_print("%s/" MARK, dir);
    own(fd_fini) int fd = open(mark, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const ssize_t n = fd < 0 ? 0 : read(fd, job, UUID_TEXT - 1);
    job[n > 0 ? n : 0] = '\0';
    return uuid_valid(job);
}

void upload_expire(struct store *s, const char *id, const json_t *offers)
{
    struct err ignored = {0};
    int64_t last = 0;
    size_t i;
    json_t *offer;
    if (!id)
        return;
    json_array_foreach (offers, i, offer) {
        struct offer_row row = {0};
        if (store_offer_get(s, json_text(offer, "id"), &row, &ignored) == 0 && row.expires > last)
            last = row.expires;
        offer_row_fini(&row);
    }
    own(str_fini) char *dir = dir_of(s, id);
    char job[UUID_TEXT];
    if (marked(dir, job))
        return;
    if (json_array_size(offers) == 0)
        path_remove(dir, &ignored);
    else if (last)
        set_time(dir, last + GRACE_MS);
    own(str_fini) char *inside = str_print("%s/.", dir);
    path_sync_parent(inside, &ignored); /* its time */
}

int upload_remove(const struct store *s, const char *id, struct err *err)
{
    own(str_fini) char *dir = id ? dir_of(s, id) : NULL;
    return dir && path_exists(dir) ? path_remove(dir, err) : 0;
}

/* --- those whose time has come --- */

/* The time of a directory of uploads, ms; INT64_MAX for what is none. */
static int64_t time_of(int dir, const char *name)
{
    struct stat st;
    if (!uuid_valid(name) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return INT64_MAX;
    return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

int64_t upload_when(const struct store *s)
{
    own(str_fini) char *path = dir_of(s, "");
    DIR *dir = opendir(path);
    int64_t first = INT64_MAX;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        const int64_t when = time_of(dirfd(dir), e->d_name);
        first = when < first ? when : first;
    }
    if (dir)
        closedir(dir);
    return first;
}

/* Is it his? */
static bool is_of(int dir, const char *owner)
{
    char text[OWNER_MAX];
    own(fd_fini) int fd = openat(dir, OWNER, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    return n >= 0 && (size_t)n == strlen(owner) && memcmp(text, owner, (size_t)n) == 0;
}

/* The bytes of the files in a directory, which is closed. */
static int64_t bytes_in(int fd)
{
    DIR *dir = fdopendir(fd);
    struct stat st;
    int64_t sum = 0;
    if (!dir)
        close(fd);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (*e->d_name != '.' && fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            sum += st.st_size < FILE_LEAST ? FILE_LEAST : st.st_size;
    if (dir)
        closedir(dir);
    return sum;
}

int64_t upload_used(const struct store *s, const char *owner)
{
    own(str_fini) char *path = dir_of(s, "");
    DIR *dir = opendir(path);
    int64_t sum = 0;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        const int one = uuid_valid(e->d_name)
                            ? openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                            : -1;
        if (one >= 0 && is_of(one, owner))
            sum += bytes_in(one);
        else if (one >= 0)
            close(one);
    }
    if (dir)
        closedir(dir);
    return sum;
}

/* Is there a job that has them, these and not others since? -1 when nobody knows. */
static int is_needed(struct store *s, const char *dir, struct err *err)
{
    char id[UUID_TEXT];
    own(job_fini) struct job j = {0};
    struct err none = {0};
    if (!marked(dir, id))
        return 0;
    if (store_job_get(s, id, &j, &none) < 0)
        return none.code == CODE_NOINPUT ? 0 : (*err = none, -1);
    return j.phase != PHASE_ARCHIVED &&
           str_same(upload_of(json_object_get(j.doc, "private")), strrchr(dir, '/') + 1);
}

int upload_sweep(struct store *s, int64_t now, struct err *err)
{
    own(str_fini) char *path = dir_of(s, "");
    DIR *dir = opendir(path);
    int rc = 0;
    for (struct dirent *e; dir && rc == 0 && (e = readdir(dir));) {
        if (time_of(dirfd(dir), e->d_name) > now)
            continue;
        own(str_fini) char *one = dir_of(s, e->d_name);
        const int needed = is_needed(s, one, err);
        if (needed > 0)
            set_time(one, now + AGAIN_MS);
        else if (time_of(dirfd(dir), e->d_name) > now) /* it was marked meanwhile */
            continue;
        rc = needed == 0 ? path_remove(one, err) : needed < 0 ? -1 : 0;
    }
    if (dir)
        closedir(dir);
    return rc;
}
