import { Classifier } from "./classifier";

export default function Page() {
  return (
    <>
      <h1>cliplet with Next.js</h1>
      <Classifier />
    </>
  );
}
