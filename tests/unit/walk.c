/* Trees that a task has left: deeper than there are open files, closed, with links (path.h,
 * walk.h). */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "host/path.h"
#include "host/walk.h"
#include "tap.h"

#define DEPTH 3000
#define FILES 20

/* "DIR/d/d/d...", the last one closed, with a file and a link in each hundredth. */
static bool make_deep(const char *dir, const char *target)
{
    own(fd_fini) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && i < DEPTH; i++) {
        if (i % 100 == 0 && (symlinkat(target, fd, "link") < 0 || mknodat(fd, "f", S_IFREG, 0) < 0))
            return false;
        if (mkdirat(fd, "d", 0700) < 0)
            return false;
        const int below = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = below;
    }
    return fd >= 0 && fchmod(fd, 0) == 0;
}

static int count(const char *dir, mode_t *deepest)
{
    own(walk_fini) struct walk w = {.fd = -1};
    struct stat st;
    int n = 0;
    enum walk_found found;
    for (walk_open(&w, dir); (found = walk_next(&w)) != WALK_END;)
        if (found == WALK_ENTRY && ++n && fstatat(w.fd, w.name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(st.st_mode)) {
            *deepest = st.st_mode & 0777;
            walk_into(&w);
        }
    return n;
}

int main(void)
{
    char dir[] = "walk.XXXXXX";
    const struct rlimit few = {FILES, FILES};
    struct err err = {0};
    mode_t deepest = 0;
    if (!ok(mkdtemp(dir) != NULL, "a directory"))
        return tap_end();
    own(str_fini) char *outside = str_print("%s/outside", dir);
    own(str_fini) char *tree = str_print("%s/tree", dir);
    own(str_fini) char *inner = str_print("%s/x", outside);
    own(str_fini) char *real = realpath(dir, NULL);
    own(str_fini) char *target = str_print("%s/outside", real);
    ok(mkdir(outside, 0755) == 0 && mkdir(inner, 0750) == 0 && mkdir(tree, 0700) == 0 &&
           make_deep(tree, target),
       "a tree deeper than a path is long");
    setrlimit(RLIMIT_NOFILE, &few);
    ok(count(tree, &deepest) == DEPTH + 2 * DEPTH / 100, "is gone through with few open files");
    ok(path_own_tree(tree, geteuid(), getegid(), &err) == 0, "is given to its owner");
    count(tree, &deepest);
    ok(deepest == 0700, "who may enter what was closed");
    ok(path_remove(tree, &err) == 0 && !path_exists(tree), "is removed");
    struct stat st = {0};
    ok(stat(inner, &st) == 0 && (st.st_mode & 0777) == 0750, "and what links name is as it was");
    ok(path_remove(tree, &err) == 0, "what is not there is removed, too");
    ok(path_remove(dir, &err) == 0 && !path_exists(dir), "and it is gone");
    return tap_end();
}
