/* The C side of the interoperability tests: one operation, then the end. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <unistd.h>

struct ipc_robust_mutex {
    uint64_t magic;
    uint32_t version;
    uint32_t flags;
    uint64_t pid_namespace;
    pthread_mutex_t mutex;
};

static int fail(const char *what) {
    perror(what);
    return 1;
}

static int semaphore(const char *op, const char *name) {
    int create = !strcmp(op, "sem_create");
    sem_t *sem = create ? sem_open(name, O_CREAT | O_EXCL, 0600, 3) : sem_open(name, 0);
    if (sem == SEM_FAILED) return fail("sem_open");
    int value;
    if (!strcmp(op, "sem_wait") && sem_wait(sem)) return fail("sem_wait");
    if (!strcmp(op, "sem_post") && sem_post(sem)) return fail("sem_post");
    if (sem_getvalue(sem, &value)) return fail("sem_getvalue");
    printf("%d\n", value);
    return 0;
}

static int mutex(const char *op, const char *name) {
    int fd = shm_open(name, O_RDWR, 0);
    if (fd < 0) return fail("shm_open");
    struct ipc_robust_mutex *m = mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (m == MAP_FAILED) return fail("mmap");
    if (memcmp(&m->magic, "ipcRMtx", 8) || m->version != 1) return fail("header");
    int got = pthread_mutex_lock(&m->mutex);
    printf("%s\n", got == EOWNERDEAD ? "died" : got ? strerror(got) : "locked");
    fflush(stdout);
    if (!strcmp(op, "mutex_exec")) execlp("true", "true", NULL);
    if (!strcmp(op, "mutex_die")) return 0; /* without unlocking */
    if (got == EOWNERDEAD) pthread_mutex_consistent(&m->mutex);
    return pthread_mutex_unlock(&m->mutex);
}

static int set(const char *op, const char *key) {
    int create = !strcmp(op, "set_create") ? IPC_CREAT | IPC_EXCL | 0600 : 0;
    int id = semget((key_t)strtol(key, NULL, 0), 2, create);
    if (id < 0) return fail("semget");
    struct sembuf ops[] = {{0, -1, 0}, {1, 1, 0}};
    if (!strcmp(op, "set_move") && semop(id, ops, 2)) return fail("semop");
    if (!strcmp(op, "set_setval") && semctl(id, 0, SETVAL, 4)) return fail("semctl");
    printf("%d %d\n", semctl(id, 0, GETVAL), semctl(id, 1, GETVAL));
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    if (!strncmp(argv[1], "sem_", 4)) return semaphore(argv[1], argv[2]);
    if (!strncmp(argv[1], "mutex_", 6)) return mutex(argv[1], argv[2]);
    return set(argv[1], argv[2]);
}
