#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include "host/path.h"
#include "store/place.h"

#define PATIENCE 10 /* seconds a writer waits for its turn (decisions.md, "Store") */

static int make_dir(char **dir, struct err *err)
{
    struct stat st;
    char cwd[4096];
    if (!*dir)
        return err_set(err, CODE_CONFIG, "there is no home directory; set EXECDM_STATE");
    if (**dir != '/' && getcwd(cwd, sizeof(cwd))) {
        char *absolute = str_print("%s/%s", cwd, *dir);
        free(*dir);
        *dir = absolute;
    }
    const bool there = stat(*dir, &st) == 0 && S_ISDIR(st.st_mode);
    if (!there && path_mkdirs(*dir, 0700, err) < 0)
        return err_wrap(err, "state directory (set EXECDM_STATE to another)");
    if (!there && stat(*dir, &st) < 0)
        return err_sys(err, "state directory %s", *dir);
    if (st.st_uid != geteuid())
        return err_set(err, CODE_PERM,
                       "the state directory %s belongs to uid %ld, not to %ld; set EXECDM_STATE",
                       *dir, (long)st.st_uid, (long)geteuid());
    if (st.st_mode & 077)
        chmod(*dir, 0700);
    return 0;
}

/* File systems on which SQLite's shared memory does not work between hosts. */
static bool on_network(const char *dir)
{
    static const unsigned long magic[] = {
        0x6969,     /* NFS */
        0x0bd00bd0, /* Lustre */
        0x47504653, /* GPFS */
        0x517b,     /* SMB */
        0xff534d42, /* CIFS */
        0xfe534d42, /* SMB2 */
        0x19830326, /* BeeGFS */
        0x00c36400, /* Ceph */
        0x01021997, /* 9p */
        0x5346414f, /* AFS */
    };
    struct statfs fs;
    if (statfs(dir, &fs) < 0)
        return false;
    for (size_t i = 0; i < COUNT(magic); i++)
        if (((unsigned long)fs.f_type & 0xffffffff) == magic[i])
            return true;
    return false;
}

/* Does a lock of this process keep another one out? Some mounts say yes to everybody. */
static int check_locks(const char *dir, struct err *err)
{
    char host[65] = "";
    gethostname(host, sizeof(host) - 1);
    own(str_fini) char *path = str_print("%s/locktest.%s.%ld", dir, host, (long)getpid());
    own(fd_fini) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    bool works = fd >= 0 && fcntl(fd, F_SETLK, &l) == 0;
    if (works) {
        pid_t pid = fork();
        if (pid == 0) {
            int other = open(path, O_RDWR | O_CLOEXEC);
            _exit(other >= 0 && fcntl(other, F_SETLK, &l) < 0 ? 0 : 1);
        }
        int status = 1;
        works = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
    }
    unlink(path);
    if (works)
        return 0;
    return err_set(err, CODE_CONFIG,
                   "%s is on a network file system that cannot lock; set EXECDM_STATE to a "
                   "directory on a local disk",
                   dir);
}

int place_open(char **dir, bool *network, struct err *err)
{
    own(str_fini) char *found = path_state();
    if (make_dir(&found, err) < 0)
        return -1;
    *network = on_network(found);
    if (*network && check_locks(found, err) < 0)
        return -1;
    *dir = move(found);
    return 0;
}

static void on_alarm(int sig)
{
    (void)sig;
}

/* Waits for its turn in the queue of writers, bounded: flock itself has no time limit. */
int place_turn(const char *dir, int lock, struct err *err)
{
    if (flock(lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    struct sigaction action = {.sa_handler = on_alarm}, before;
    struct itimerval limit = {.it_value.tv_sec = PATIENCE, .it_interval.tv_sec = 1};
    sigset_t alarm, mask;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigaction(SIGALRM, &action, &before);
    sigprocmask(SIG_UNBLOCK, &alarm, &mask);
    setitimer(ITIMER_REAL, &limit, NULL);
    int rc = flock(lock, LOCK_EX);
    int errnum = errno;
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    sigaction(SIGALRM, &before, NULL);
    errno = errnum;
    if (rc == 0)
        return 0;
    if (errno == EINTR)
        return err_set(err, CODE_TEMP,
                       "the job store is busy (another process holds %s/lock); "
                       "try again",
                       dir);
    return err_sys(err, "cannot lock %s/lock", dir);
}
