// Names every test that was passed over, and why.

export default class {
  #skipped = [];

  onTestEnd(test, { status }) {
    if (status !== "skipped") return;
    const [, project] = test.titlePath();
    this.#skipped.push(
      `${project}: ${test.title}: ${test.annotations.map(({ description }) => description).join(", ")}`,
    );
  }

  onEnd() {
    for (const line of this.#skipped) console.log(`passed over: ${line}`);
  }
}
